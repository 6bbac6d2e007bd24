"""The engine: many texts at once, each as if it were alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from charrnn import LanguageModel
from charrnn.config import ModelConfig
from charrnn.generation import SamplingConfig
from charrnn.ngrams import Experts
from charrnn.nn.kernels.kernels import VARIABLE
from charrnn.nn.layers import LAYERS
from charrnn.nn.model import CharModel
from charrnn.nn.stepper import PlainStepper, make_stepper
from charrnn.serving.engine import Engine, QueueFullError, TextRequest, Token
from charrnn.serving.engine import engine as engine_module
from charrnn.serving.engine.lanes import LANES, SIZES, LaneGroup, largest_independent_batch
from charrnn.serving.engine.text_request import TOKEN
from charrnn.text.vocabulary import Vocabulary

LETTERS = "\n abcdefghijklmnopqrstuvwxyz"


KNOWING = "qrnn with experts"
NETWORKS = [*LAYERS, KNOWING]


def network(cell: str, dtype: str = "float32") -> LanguageModel:
    names = ("characters", "words") if cell == KNOWING else ()
    model = CharModel(ModelConfig(len(LETTERS), cell.split()[0], 40, 2, num_experts=len(names)))
    ids = np.random.default_rng(4).integers(0, len(LETTERS), 1000)
    experts = Experts.count(names, LETTERS, ids) if names else None
    params = model.init_parameters(np.random.default_rng(3), dtype)
    return LanguageModel(model, params, Vocabulary(LETTERS), experts=experts)


async def finished(text: TextRequest) -> list[Token]:
    """All tokens of a text, when it has ended."""
    tokens: list[Token] = []
    while True:
        text.notifier.reset()
        end = text.finish
        tokens += text.take()
        if end:
            return tokens
        await text.notifier.wait()


async def texts(engine: Engine, *requests: TextRequest) -> list[str]:
    engine.submit(list(requests))
    return ["".join(token.character for token in await finished(w)) for w in requests]


def with_engine(model: LanguageModel, check: Callable[[Engine], Any], max_streams: int = 64, queue: int = 64) -> Any:
    """Run a coroutine function with an engine, which is closed at the end."""

    async def run() -> Any:
        engine = Engine(model, max_streams, queue)
        try:
            return await asyncio.wait_for(check(engine), 60)
        finally:
            await asyncio.get_running_loop().run_in_executor(None, engine.close)

    return asyncio.run(run())


MIXED = (
    SamplingConfig(),
    SamplingConfig(temperature=0.7, top_p=0.9),
    SamplingConfig(top_k=5),
    SamplingConfig(min_p=0.1),
)


@pytest.mark.parametrize("cell", NETWORKS)
@pytest.mark.parametrize("config", MIXED[:2])
def test_a_seeded_text_is_the_same_alone_and_in_company_bit_for_bit(cell: str, config: SamplingConfig) -> None:
    model = network(cell)

    def wanted() -> TextRequest:
        return TextRequest(model, "the cat", 60, config, seed=5, logprobs=5)

    async def alone(engine: Engine) -> list[Token]:
        text = wanted()
        engine.submit([text])
        return await finished(text)

    async def among_others(engine: Engine) -> list[list[Token]]:
        rng = np.random.default_rng(1)
        others = [
            TextRequest(model, "abc " * int(rng.integers(0, 6)), int(rng.integers(1, 120)), MIXED[k % 4], seed=k,
                    logprobs=None if k % 3 else 2)
            for k in range(40)
        ]  # fmt: skip
        ours = [wanted() for _ in range(4)]
        for k in range(4):  # they join at different times and places, while others leave
            engine.submit([*others[10 * k : 10 * k + 5], ours[k], *others[10 * k + 5 : 10 * k + 10]])
            await asyncio.sleep(0.003)
        results = [await finished(w) for w in ours]
        for other in others:
            assert len(await finished(other)) == other.written > 0
        return results

    reference = with_engine(model, alone)
    assert len(reference) == 60
    assert all(token.logprob is not None and len(token.top or ()) == 5 and token.kept for token in reference)
    for tokens in with_engine(model, among_others):
        assert tokens == reference


def test_a_seeded_text_is_that_of_the_model_itself(model: LanguageModel) -> None:
    async def check(engine: Engine) -> list[str]:
        settings = SamplingConfig(temperature=0.8, top_p=0.95)
        return await texts(engine, *(TextRequest(model, "The c", 80, settings, 7, sample) for sample in range(3)))

    assert with_engine(model, check) == model.generate_many(3, "The c", 80, temperature=0.8, top_p=0.95, seed=7)


def test_without_a_prompt_the_model_begins_as_after_a_line_end(model: LanguageModel) -> None:
    async def check(engine: Engine) -> list[str]:
        return await texts(engine, TextRequest(model, "", 30, SamplingConfig(), 7))

    assert with_engine(model, check) == [model.generate("", 30, seed=7)]


def test_stop_strings_end_a_text_before_them_and_with_their_logprobs(model: LanguageModel) -> None:
    whole = model.generate("The clock", 200, temperature=0.5, seed=3)
    assert "cat" in whole

    async def check(engine: Engine) -> tuple[list[Token], str | None, int]:
        w = TextRequest(model, "The clock", 200, SamplingConfig(temperature=0.5), 3, stops=("cat", "zebra"), logprobs=0)
        engine.submit([w])
        return await finished(w), w.finish, engine.active

    tokens, finish, active = with_engine(model, check)
    assert "".join(token.character for token in tokens) == whole[: whole.index("cat")]
    assert (finish, active) == ("stop", 0)
    assert all(token.logprob is not None and token.logprob <= 0 for token in tokens)


def test_a_stop_string_that_never_completes_holds_nothing_back(model: LanguageModel) -> None:
    whole = model.generate("The clock", 50, seed=3)

    async def check(engine: Engine) -> list[str]:
        return await texts(engine, TextRequest(model, "The clock", 50, SamplingConfig(), 3, stops=(whole[-3:] + "!",)))

    assert with_engine(model, check) == [whole]


def test_greedy_and_kept(model: LanguageModel) -> None:
    async def check(engine: Engine) -> list[list[Token]]:
        greedy = TextRequest(model, "The ", 20, SamplingConfig(temperature=0.0), 0, logprobs=1)
        five = TextRequest(model, "The ", 20, SamplingConfig(top_k=5), 0, logprobs=0)
        engine.submit([greedy, five])
        return [await finished(greedy), await finished(five)]

    greedy, five = with_engine(model, check)
    assert "".join(token.character for token in greedy) == model.generate("The ", 20, greedy=True)
    assert all(token.kept == 1 and token.top == [(token.character, token.logprob)] for token in greedy)
    assert {token.kept for token in five} == {5}


def test_logprobs_are_the_models_own_and_echo_tells_those_of_the_prompt(model: LanguageModel) -> None:
    prompt = "The clock struck"

    async def check(engine: Engine) -> list[Token]:
        w = TextRequest(model, prompt, 10, SamplingConfig(temperature=0.5, top_k=2), 1, logprobs=3, echo=True)
        engine.submit([w])
        return await finished(w)

    tokens = with_engine(model, check)
    text = "".join(token.character for token in tokens)
    assert text.startswith(prompt)
    assert len(text) == len(prompt) + 10
    assert tokens[0].logprob is None
    surprise = model.score(text).per_char
    np.testing.assert_allclose([-(token.logprob or 0) for token in tokens[1:]], surprise, rtol=1e-3, atol=1e-5)
    assert all(dict(token.top or ()).get(token.character, token.logprob) == token.logprob for token in tokens)
    assert all(list(token.top or ()) == sorted(token.top or (), key=lambda pair: -pair[1]) for token in tokens)


def test_a_prompt_alone_can_be_scored(model: LanguageModel) -> None:
    async def check(engine: Engine) -> list[list[Token]]:
        several = [TextRequest(model, p, 0, SamplingConfig(), 1, logprobs=0, echo=True) for p in ("The", "T", "")]
        engine.submit(several)
        return [await finished(w) for w in several]

    assert [[token.character for token in tokens] for tokens in with_engine(model, check)] == [
        ["T", "h", "e"],
        ["T"],
        [],
    ]


def test_more_texts_than_lanes_wait_and_more_than_that_are_refused_as_a_whole(model: LanguageModel) -> None:
    async def check(engine: Engine) -> None:
        config = SamplingConfig()
        long = [TextRequest(model, "The", 100_000, config, k) for k in range(3)]
        waiting = TextRequest(model, "The", 5, config, 9)
        engine.submit(long)
        engine.submit([waiting])
        with pytest.raises(QueueFullError):
            engine.submit([TextRequest(model, "The", 5, config, k) for k in range(2)])
        while engine.active < 3:
            await asyncio.sleep(0.001)
        assert (engine.active, engine.queued, waiting.written) == (3, 1, 0)
        engine.cancel(long[:1])
        assert "".join(i.character for i in await finished(waiting)) == model.generate("The", 5, seed=9)
        engine.cancel(long)
        while engine.active or engine.queued:
            await asyncio.sleep(0.001)
        assert await texts(engine, TextRequest(model, "The", 5, config, 9)) == [model.generate("The", 5, seed=9)]

    with_engine(model, check, max_streams=3, queue=2)


def test_a_reader_that_is_far_behind_loses_its_lane_and_goes_on_later(
    model: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "BUFFER", 20 * TOKEN)

    async def check(engine: Engine) -> tuple[str, int]:
        slow = TextRequest(model, "The", 100, SamplingConfig(), 4)
        engine.submit([slow])
        while slow.parked is None or engine.active:
            await asyncio.sleep(0.001)
        written, parts = slow.written, ""
        assert engine.queued == 1
        while slow.finish is None or slow.unsent:
            parts += "".join(token.character for token in slow.take())
            engine.wake()
            await asyncio.sleep(0.001)
        return parts, written

    text, written = with_engine(model, check)
    assert text == model.generate("The", 100, seed=4)
    assert written == 21


def test_a_parked_text_that_nobody_wants_is_forgotten(model: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "BUFFER", 20 * TOKEN)

    async def check(engine: Engine) -> None:
        slow = TextRequest(model, "The", 100, SamplingConfig(), 4)
        engine.submit([slow])
        while not engine.queued or engine.active:
            await asyncio.sleep(0.001)
        engine.cancel([slow])
        assert engine.queued == 0
        expiring = TextRequest(model, "The", 100, SamplingConfig(), 4)
        engine.submit([expiring])
        while expiring.parked is None:
            await asyncio.sleep(0.001)
        assert expiring.finish is None
        expiring.deadline = 0.0
        while expiring.finish is None:
            await asyncio.sleep(0.01)
        assert (expiring.finish, engine.queued) == ("length", 0)

    with_engine(model, check)


def test_time_ends_a_text_and_a_place_in_the_queue(model: LanguageModel) -> None:
    async def check(engine: Engine) -> tuple[str | None, str | None]:
        first = TextRequest(model, "The", 10**6, SamplingConfig(), 0, seconds=1.5)
        second = TextRequest(model, "The", 10**6, SamplingConfig(), 0, seconds=0.1)
        engine.submit([first, second])
        await finished(second)
        assert first.finish is None
        await finished(first)
        assert first.written > second.written == 0
        return first.finish, second.finish

    assert with_engine(model, check, max_streams=1) == ("length", "late")


def test_closing_ends_all_texts_and_says_so(model: LanguageModel) -> None:
    async def check() -> list[str | None]:
        engine = Engine(model, 2, 5)
        requests = [TextRequest(model, "The", 10**6, SamplingConfig(), k) for k in range(4)]
        engine.submit(requests)
        while engine.active < 2:
            await asyncio.sleep(0.001)
        await asyncio.get_running_loop().run_in_executor(None, engine.close)
        for w in requests:
            await finished(w)
        late = TextRequest(model, "The", 5, SamplingConfig(), 0)
        engine.submit([late])
        assert await finished(late) == []
        return [w.finish for w in (*requests, late)]

    assert asyncio.run(check()) == ["closed"] * 5


def test_a_step_that_fails_ends_its_texts_and_not_the_engine(
    model: LanguageModel, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def check(engine: Engine) -> tuple[str | None, list[str]]:
        for failing in ("join", "read"):
            doomed = TextRequest(model, "The", 10, SamplingConfig(), 0)
            with monkeypatch.context() as patched:
                patched.setattr(LaneGroup, failing, lambda *_: 1 / 0)
                engine.submit([doomed])
                await finished(doomed)
            assert doomed.finish == "failed"
        return doomed.finish, await texts(engine, TextRequest(model, "The", 10, SamplingConfig(), 0))

    assert with_engine(model, check) == ("failed", [model.generate("The", 10, seed=0)])
    assert "ZeroDivisionError" in caplog.text


def test_a_step_that_fails_ends_no_text_that_waits(model: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(engine: Engine) -> tuple[str | None, list[str]]:
        read, failed = LaneGroup.read, asyncio.Event()

        def failing(group: LaneGroup) -> None:
            if not failed.is_set():
                failed.set()
                raise ZeroDivisionError
            read(group)

        monkeypatch.setattr(LaneGroup, "read", failing)
        doomed, waiting = (TextRequest(model, "The", 10, SamplingConfig(), 0) for _ in range(2))
        written = await texts(engine, doomed, waiting)
        return doomed.finish, written

    assert with_engine(model, check, max_streams=1) == ("failed", ["", model.generate("The", 10, seed=0)])


def test_texts_of_two_versions_of_a_model_go_on_side_by_side() -> None:
    one, two = network("gru"), network("gru")
    two.params.vector[:] *= 1.5

    async def check(engine: Engine) -> list[str]:
        return await texts(engine, *(TextRequest(m, "ab", 40, SamplingConfig(), 1) for m in (one, two, one)))

    written = with_engine(one, check)
    assert written == [one.generate("ab", 40, seed=1), two.generate("ab", 40, seed=1), one.generate("ab", 40, seed=1)]
    assert written[0] != written[1]


@pytest.mark.parametrize("kernels", ["numpy", "auto"])
@pytest.mark.parametrize("cell", ["rnn", "qrnn"])
def test_the_number_of_lanes_is_one_at_which_place_and_company_make_no_difference(
    cell: str, kernels: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, kernels)
    model = network(cell)
    size = largest_independent_batch(model)
    assert size in (SIZES if not model.network.kernels.compiled else (LANES,))
    rng = np.random.default_rng(0)
    seen = set()
    for k in (0, 1, size // 2, size - 1):
        stepper = make_stepper(model.network, model.params, size)
        ids = rng.integers(0, len(LETTERS), size)
        ids[k] = 3
        stepper.use(k + 1)
        seen.add(stepper.step(ids)[k].tobytes())
    assert len(seen) == 1


def test_where_rounding_depends_on_the_place_there_is_one_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    def step(self: PlainStepper, ids: np.ndarray, log_q: np.ndarray | None = None) -> np.ndarray:
        return np.arange(len(ids), dtype=np.float32)[:, None] + np.ones((len(ids), len(LETTERS)), np.float32)

    monkeypatch.setenv(VARIABLE, "numpy")
    monkeypatch.setattr(PlainStepper, "step", step)
    assert largest_independent_batch(network("rnn")) == 1


@pytest.mark.parametrize("cell", NETWORKS)
def test_a_lane_that_empties_in_the_middle_leaves_the_others_as_they_were(cell: str) -> None:
    """With compiled kernels the last lane moves to its place."""
    model, lengths = network(cell), (9, 3, 5, 20)

    async def check(engine: Engine) -> list[str]:
        wanted = (TextRequest(model, "ab", length, SamplingConfig(), seed) for seed, length in enumerate(lengths))
        return await texts(engine, *wanted)

    expected = [model.generate("ab", length, seed=seed) for seed, length in enumerate(lengths)]
    assert with_engine(model, check) == expected
