"""Writing text with a trained model: prompts, seeds, stop strings, batches."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from charrnn.config import ModelConfig
from charrnn.errors import ConfigError, TextError, UnknownCharacterError
from charrnn.language_model import LanguageModel
from charrnn.ngrams import Experts
from charrnn.nn.model import CharModel
from charrnn.randomness import stream
from charrnn.text.vocabulary import Vocabulary

CHARACTERS = "\n abcdefgh"


def make_model(names: tuple[str, ...] = ()) -> LanguageModel:
    vocabulary = Vocabulary(CHARACTERS)
    network = CharModel(ModelConfig(len(vocabulary), "rnn", 16, 2, num_experts=len(names)))
    params = network.init_parameters(stream(0, "initialisation"), np.float64)
    params.vector *= 2.0
    ids = np.random.default_rng(0).integers(0, len(vocabulary), 500)
    experts = Experts.count(names, vocabulary.characters, ids) if names else None
    return LanguageModel(network, params, vocabulary, experts=experts)


@pytest.fixture(params=["plain", "with experts"])
def model(request: pytest.FixtureRequest) -> LanguageModel:
    return make_model(("characters", "words") if request.param == "with experts" else ())


def test_length_counts_the_characters_after_the_prompt(model: LanguageModel) -> None:
    for prompt, length in (("", 0), ("", 1), ("abc", 40), ("abc" * 300, 7)):
        text = model.generate(prompt, length, seed=1)
        assert len(text) == length
        assert set(text) <= set(CHARACTERS)


def test_equal_seeds_give_equal_texts_and_others_differ(model: LanguageModel) -> None:
    assert model.generate("ab", 60, seed=3) == model.generate("ab", 60, seed=3)
    assert model.generate("ab", 60, seed=3) != model.generate("ab", 60, seed=4)
    assert model.generate("ab", 60) != model.generate("ab", 60)


def test_a_stream_is_the_text_character_by_character(model: LanguageModel) -> None:
    pieces = list(model.stream("ab", 50, seed=5, temperature=0.8))
    assert all(len(piece) == 1 for piece in pieces)
    assert "".join(pieces) == model.generate("ab", 50, seed=5, temperature=0.8)


def test_the_prompt_is_read_as_if_it_had_been_written(model: LanguageModel) -> None:
    text = model.generate("a", 30, greedy=True)
    assert model.generate("a" + text[:10], 20, greedy=True) == text[10:]


def test_a_prompt_longer_than_a_window_equals_reading_it_character_by_character(model: LanguageModel) -> None:
    ids = model.vocabulary.encode("abcdefgh" * 100)
    network, params = model.network, model.params
    state, ws = network.zero_state(1, np.float64), network.workspace(1, 1, np.float64)
    reader = model.reader(1)
    for k in ids:
        log_q = None if reader is None else reader.read(np.array([k]))
        logits, state = network.forward(params, np.array([[k]]), state, ws, log_q=log_q)
    expected = model.vocabulary.characters[int(logits[0, 0].argmax())]
    assert model.generate("abcdefgh" * 100, 1, greedy=True) == expected


def test_samples_side_by_side_equal_samples_alone(model: LanguageModel) -> None:
    texts = model.generate_many(5, "ab", 80, seed=2, top_p=0.9)
    assert len(set(texts)) == 5
    assert texts[0] == model.generate("ab", 80, seed=2, top_p=0.9)
    assert model.generate_many(3, "ab", 80, seed=2, top_p=0.9) == texts[:3]


@pytest.mark.parametrize("stop", ["c", "ab", ("gh", "e "), "a\n"])
def test_the_text_ends_before_the_first_stop_string(model: LanguageModel, stop: str | tuple[str, ...]) -> None:
    stops = (stop,) if isinstance(stop, str) else stop
    for seed in range(10):
        full = model.generate("d", 200, seed=seed)
        ends = [full.find(s) for s in stops if s in full]
        expected = full[: min(ends)] if ends else full
        assert model.generate("d", 200, seed=seed, stop=stop) == expected
        assert "".join(model.stream("d", 200, seed=seed, stop=stop)) == expected
        assert model.generate_many(2, "d", 200, seed=seed, stop=stop)[0] == expected


def test_a_stop_string_that_only_begins_is_written_out(model: LanguageModel) -> None:
    full = model.generate("d", 50, seed=0)
    assert model.generate("d", 50, seed=0, stop=full[-3:] + "never") == full


def test_streaming_starts_at_once(model: LanguageModel) -> None:
    assert len(list(itertools.islice(model.stream("a", 10**9, seed=0), 5))) == 5


def test_unknown_characters_in_the_prompt(model: LanguageModel) -> None:
    with pytest.raises(UnknownCharacterError, match=r"'é' \(U\+00E9.* at position 1 "):
        model.generate("aéb", 5)
    assert model.generate("aéb", 5, seed=1, on_unknown="skip") == model.generate("ab", 5, seed=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"length": -1}, "length -1 is too small"),
        ({"seed": -1}, "seed -1 is too small"),
        ({"stop": ""}, "stop string must not be empty"),
        ({"temperature": -1.0}, "temperature -1.0 is too small"),
        ({"topp": 0.5}, "did you mean 'top_p'"),
    ],
)
def test_bad_arguments_are_named_before_anything_is_written(
    model: LanguageModel, arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        model.generate("a", **arguments)
    with pytest.raises(ConfigError, match=message):
        model.stream("a", **arguments)  # at the call, not at the first character
    with pytest.raises(ConfigError, match="num_samples 0 is too small"):
        model.generate_many(0)


def test_scores_are_the_surprise_at_each_character(model: LanguageModel) -> None:
    text = "abc defgh\nab" * 60
    score = model.score(text)
    assert score.per_char.shape == (len(text) - 1,)
    assert score.nats_per_char == pytest.approx(score.per_char.mean())
    assert score.bits_per_char == pytest.approx(score.nats_per_char / np.log(2))
    assert score.perplexity == pytest.approx(np.exp(score.nats_per_char))
    ids = model.vocabulary.encode(text)
    network, params = model.network, model.params
    state, ws = network.zero_state(1, np.float64), network.workspace(1, 1, np.float64)
    reader = model.reader(1)
    for k in range(300):
        log_q = None if reader is None else reader.read(ids[k : k + 1])
        logits, state = network.forward(params, ids[k : k + 1, None], state, ws, log_q=log_q)
        logits = logits[0, 0]
        expected = np.log(np.exp(logits).sum()) - logits[ids[k + 1]]
        assert score.per_char[k] == pytest.approx(expected, rel=1e-10 if reader is None else 1e-6), k


def test_an_evaluation_is_the_mean_score(model: LanguageModel) -> None:
    for length in (2, 3, 257, 258, 700):
        text = ("abc defgh\n" * 100)[:length]
        evaluation, score = model.evaluate(text), model.score(text)
        assert evaluation.characters == score.characters == length - 1
        assert evaluation.nats_per_char == pytest.approx(score.nats_per_char, rel=1e-12)


def test_texts_too_short_to_score(model: LanguageModel) -> None:
    for text in ("", "a"):
        with pytest.raises(TextError, match="it takes at least 2"):
            model.score(text)
        with pytest.raises(TextError, match="it takes at least 2"):
            model.evaluate(text)
    with pytest.raises(UnknownCharacterError):
        model.score("abé")
    assert model.score("abé", on_unknown="skip").characters == 1
