"""Limits on what one client, and all clients together, may ask of the server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from charrnn.settings import check_values, setting, settings_of


# fmt: off
@dataclass(frozen=True)
class Limits:
    """The defaults suit one machine and a few people."""

    max_streams: int = setting(256, "limits", "texts written side by side", least=1, most=65_536)
    max_queue: int = setting(256, "limits", "texts that may wait for a place; further requests are refused with 429",
                             least=0, most=1_000_000)
    max_choices: int = setting(64, "limits", "texts that one request may ask for: prompts x n", least=1, most=65_536)
    max_length: int = setting(10_000, "limits", "the largest max_tokens: characters of one text", least=1)
    max_prompt: int = setting(20_000, "limits", "characters of a prompt", least=1)
    max_text: int = setting(100_000, "limits", "characters of a text to score or inspect", least=2)
    max_answer: int = setting(200_000, "limits", "characters that one request may ask for, unless they are streamed; "
                              "with logprobs, each counts ten times", least=1)
    max_scores: int = setting(32, "limits", "texts that are scored or inspected, or wait for that; further requests "
                              "are refused with 429", least=1)
    max_body: int = setting(2_000_000, "limits", "bytes of a request's body", least=1000)
    max_requests: int = setting(1000, "limits", "requests answered at the same time", least=1)
    max_seconds: float = setting(120.0, "limits", "seconds that a request may take, including the wait", above=0,
                                 most=86_400)
    grace: float = setting(10.0, "limits", "seconds that texts in progress may take after the server is asked to stop",
                           least=0, most=3600)
# fmt: on

    @property
    def max_inspected(self) -> int:
        """The most characters to inspect at a time: their activations fit into memory many times over."""
        return min(self.max_text, 20_000)


def make_limits(values: Mapping[str, Any]) -> Limits:
    """Return checked limits. ConfigError names the value and the range."""
    return Limits(**check_values(settings_of(Limits), values))
