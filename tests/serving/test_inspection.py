"""What the page shows of a model, checked against models whose inside is known."""

from __future__ import annotations

import numpy as np
import pytest

from charrnn.config import ModelConfig
from charrnn.errors import TextError, UnknownCharacterError
from charrnn.inspection.features import FEATURES, feature_matrix
from charrnn.inspection.reading import inspect_text
from charrnn.inspection.units import LEAST, activation, activations, find_units
from charrnn.language_model import LanguageModel
from charrnn.ngrams import Experts
from charrnn.nn.layers import LAYERS
from charrnn.nn.model import CharModel
from charrnn.text.vocabulary import Vocabulary
from tests.unit.test_score_many import model_of

CHARACTERS = "\n ,.abcdeT“”"
PLANTED, SIZE = 3, 5


def random_model(cell: str = "gru", layers: int = 2) -> LanguageModel:
    model = CharModel(ModelConfig(len(CHARACTERS), cell, hidden_size=6, num_layers=layers))
    params = model.init_parameters(np.random.default_rng(1), np.float64)
    params.vector += 0.5 * np.random.default_rng(2).standard_normal(len(params.vector))
    return LanguageModel(model, params, Vocabulary(CHARACTERS))


def random_text(length: int, seed: int = 3) -> str:
    """Words, some of them in quotation marks, with a line end now and then."""
    rng, pieces, size = np.random.default_rng(seed), [], 0
    while size < length:
        words = ["".join(rng.choice(list("abcdeT"), rng.integers(1, 6))) for _ in range(rng.integers(2, 8))]
        phrase = " ".join(words)
        pieces.append(f"“{phrase}”" if rng.random() < 0.5 else phrase + rng.choice([".", ",", "\n"]))
        size += len(pieces[-1]) + 1
    return " ".join(pieces)[:length]


def model_with_a_unit_that_follows_quotes() -> LanguageModel:
    """A vanilla network in which one unit is a latch: “ sets it, ” resets it, and it keeps itself."""
    rng, characters = np.random.default_rng(4), "".join(sorted(CHARACTERS))
    recurrent, inputs = 0.3 * rng.standard_normal((SIZE, SIZE)), rng.standard_normal((SIZE, len(characters)))
    recurrent[PLANTED], inputs[PLANTED] = 0.0, 0.0
    recurrent[PLANTED, PLANTED] = 3.0
    inputs[PLANTED, characters.index("“")], inputs[PLANTED, characters.index("”")] = 9.0, -9.0
    inputs[PLANTED, characters.index("\n")] = -9.0
    arrays = {
        "recurrent.weight_ih_l0": inputs,
        "recurrent.weight_hh_l0": recurrent,
        "recurrent.bias_ih_l0": np.zeros(SIZE),
        "recurrent.bias_hh_l0": np.zeros(SIZE),
        "readout.weight": rng.standard_normal((len(characters), SIZE)),
        "readout.bias": np.zeros(len(characters)),
    }
    return LanguageModel.from_arrays(arrays, characters)


def test_surprise_is_that_of_score_and_follows_from_the_alternatives() -> None:
    model, text = random_model(), random_text(600)
    seen = inspect_text(model, text, top=len(CHARACTERS))
    assert seen.text == text
    assert (seen.nats[0], seen.ranks[0], seen.alternatives[0]) == (None, None, [])
    np.testing.assert_allclose(np.array(seen.nats[1:], float), model.score(text).per_char, rtol=1e-9)
    assert seen.score.nats_per_char == pytest.approx(model.score(text).nats_per_char)
    for c, nats, rank, best in list(zip(text, seen.nats, seen.ranks, seen.alternatives, strict=True))[1:]:
        shares = [a.probability for a in best]
        assert shares == sorted(shares, reverse=True)
        assert sum(shares) == pytest.approx(1.0)
        assert rank is not None
        assert best[rank - 1].character == c
        assert -np.log(best[rank - 1].probability) == pytest.approx(nats)


def model_with_experts(cell: str) -> LanguageModel:
    """A random network that knows two count models of a random text."""
    vocabulary = Vocabulary(CHARACTERS)
    experts = Experts.count(("characters", "words"), vocabulary.characters, vocabulary.encode(random_text(3000)))
    model = CharModel(ModelConfig(len(vocabulary), cell, hidden_size=6, num_layers=2, num_experts=2))
    params = model.init_parameters(np.random.default_rng(1), np.float64)
    params.vector += 0.5 * np.random.default_rng(2).standard_normal(len(params.vector))
    return LanguageModel(model, params, vocabulary, experts=experts)


def softmax(logits: np.ndarray) -> np.ndarray:
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("cell", ["qrnn", "lstm"])
def test_the_reported_gates_and_what_the_experts_say_make_the_networks_probabilities(cell: str) -> None:
    model, text = model_with_experts(cell), random_text(600, seed=8)  # more than two windows
    seen = inspect_text(model, text, top=len(CHARACTERS))
    ids = model.vocabulary.encode(text)
    on_text = model.on_text(ids)
    assert on_text is not None
    n = len(ids) - 1
    log_q = on_text.log_q(np.array([0]), n, np.float64)  # (S, N − 1, 1, V)
    ws = model.network.workspace(n, 1, np.float64)
    state = model.network.zero_state(1, np.float64)
    model.network.forward(model.params, ids[:-1, None], state, ws, log_q=log_q)
    own = ws.readout.h @ model.params["readout.weight"].T + model.params["readout.bias"]  # V ĥ + c
    gates = np.array(seen.gates[1:])
    assert gates.std(axis=0).min() > 0.05
    counted = np.einsum("ns,snv->nv", gates, log_q[:, :, 0])
    probs = softmax(own + counted)
    reported = [{a.character: a.probability for a in best} for best in seen.alternatives[1:]]
    np.testing.assert_allclose(
        [[told[c] for c in model.vocabulary.characters] for told in reported], probs, rtol=1e-9, atol=1e-12
    )
    came = np.arange(n), ids[1:]
    np.testing.assert_allclose(np.array(seen.probabilities[1:], float), probs[came], rtol=1e-9)
    np.testing.assert_allclose(np.array(seen.counts_probabilities[1:], float), softmax(counted)[came], rtol=1e-9)
    each = np.exp(log_q[:, :, 0])[:, came[0], came[1]].T
    np.testing.assert_allclose(np.array(seen.expert_probabilities[1:]), each, rtol=1e-9)
    assert seen.experts == ("characters", "words")


def test_nobody_says_anything_of_the_first_character_and_a_plain_network_trusts_nobody() -> None:
    seen = inspect_text(model_with_experts("gru"), "a")
    assert (seen.expert_probabilities, seen.gates, seen.counts_probabilities) == ([[]], [[]], [None])
    assert seen.probabilities == [None]
    plain = inspect_text(random_model(), "abc")
    assert (plain.experts, plain.expert_probabilities, plain.gates, plain.counts_probabilities) == ((), [], [], [])


def test_five_alternatives_or_as_many_as_there_are() -> None:
    assert {len(a) for a in inspect_text(random_model(), "abc").alternatives[1:]} == {5}
    assert len(inspect_text(random_model(), "a").nats) == 1


@pytest.mark.parametrize("cell", sorted(LAYERS))
def test_every_cell_shows_its_units_between_minus_one_and_one(cell: str) -> None:
    model, text = random_model(cell), random_text(700)
    values = activations(model, text)
    assert values.shape == (700, 2, 6)
    assert np.abs(values).max() <= 1.0
    assert values.std(axis=0).min() > 0.0
    np.testing.assert_array_equal(values[:, 1, 4], activation(model, text, 1, 4))
    # What is shown after a character depends on no later one, and on no border of a window.
    np.testing.assert_allclose(activations(model, text[:301]), values[:301], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("cell", ["rnn", "gru"])
def test_what_is_shown_of_a_recurrent_layer_is_the_state_it_carries(cell: str) -> None:
    model, text = random_model(cell), "Tabc “dea” b"
    ids = model.vocabulary.encode(text)
    _, state = model.network.forward(
        model.params,
        ids[:, None],
        model.network.zero_state(1, np.float64),
        model.network.workspace(len(ids), 1, np.float64),
    )
    np.testing.assert_allclose(activations(model, text)[-1], state[:, 0, 0], rtol=1e-6)


def test_a_planted_unit_that_follows_quotation_marks_is_found_first() -> None:
    model = model_with_a_unit_that_follows_quotes()
    units = find_units(model, random_text(4000))
    assert len(units) == SIZE
    first = units[0]
    assert (first.layer, first.unit, first.feature) == (0, PLANTED, "inside quotation marks")
    assert first.correlation > 0.95
    sizes = [abs(unit.correlation) for unit in units]
    assert sizes == sorted(sizes, reverse=True)


def test_correlations_are_numpys_on_the_second_half() -> None:
    model, text = random_model("lstm"), random_text(1500)
    values, features = activations(model, text), feature_matrix(text)
    names, half = list(FEATURES), len(text) // 2
    for unit in find_units(model, text):
        if unit.correlation:
            column = features[half:, names.index(unit.feature)]
            expected = np.corrcoef(values[half:, unit.layer, unit.unit], column)[0, 1]
            assert unit.correlation == pytest.approx(expected, abs=1e-6)


def test_units_follow_nothing_in_a_text_without_structure() -> None:
    """White noise of two letters: a unit may know which letter it was; nothing else is claimed of it."""
    model = random_model("qrnn", layers=1)
    text = "".join(np.random.default_rng(5).choice(list("bc"), 2000))
    assert {u.feature for u in find_units(model, text) if abs(u.correlation) > 0.2} <= {"a vowel"}


def test_a_feature_that_hardly_changes_is_not_used() -> None:
    text = "“" + random_text(3000).translate({ord("“"): None, ord("”"): None}) + "”"
    assert "inside quotation marks" not in {u.feature for u in find_units(random_model(), text) if u.correlation}


@pytest.mark.parametrize("experts", [False, True])
def test_a_document_begins_after_its_boundary(experts: bool) -> None:
    model = model_of("gru", experts=experts)
    for text in ("a", "abc fed"):
        values = activations(model, text)
        assert len(values) == len(text)
        np.testing.assert_allclose(values[-1], model.start(text)._state[:, 0, 0], rtol=1e-6)
        np.testing.assert_array_equal(activation(model, text, 0, 2), values[:, 0, 2])


def test_units_of_documents_are_found_in_each_by_itself() -> None:
    model, rng = model_of("gru"), np.random.default_rng(0)
    documents = ["".join(rng.choice(list("abc fed"), rng.integers(0, 9))) for _ in range(400)]
    values = np.concatenate([activations(model, each) for each in documents if each])
    features = np.concatenate([feature_matrix("\n" + each)[1:] for each in documents])
    half = len(values) // 2
    for unit in find_units(model, documents):
        if unit.correlation:
            column = features[half:, list(FEATURES).index(unit.feature)]
            expected = np.corrcoef(values[half:, unit.layer, unit.unit], column)[0, 1]
            assert unit.correlation == pytest.approx(expected, abs=1e-5)
    with pytest.raises(TextError, match=f"at least {LEAST}"):
        find_units(model, ["abc"] * 66)


def test_texts_that_cannot_be_inspected() -> None:
    model = random_model()
    with pytest.raises(UnknownCharacterError, match="U\\+00E9"):
        inspect_text(model, "abé")
    assert inspect_text(model, "abé", on_unknown="skip").text == "ab"
    with pytest.raises(TextError, match="at least 1"):
        inspect_text(model, "")
    with pytest.raises(TextError, match=f"at least {LEAST}"):
        find_units(model, "a" * (LEAST - 1))


@pytest.mark.parametrize(
    ("feature", "text", "marks"),
    [
        ("inside quotation marks", 'a "bc" d', "00111000"),
        ("inside quotation marks", "a “bc” d “e", "00111000011"),
        ("inside quotation marks", '"a\n\nb"', "111001"),
        ("inside brackets", "a(b[c]d)e", "011111100"),
        ("inside a capitalised word", "Ab cD 2E", "11000001"),
        ("first letter of a word", "ab c.d", "100101"),
        ("a vowel", "bé A", "0101"),
        ("punctuation", "a, b!", "01001"),
        ("a capital", "aÉb", "010"),
    ],
)
def test_features_of_yes_or_no(feature: str, text: str, marks: str) -> None:
    np.testing.assert_array_equal(FEATURES[feature](text), [float(m) for m in marks])


@pytest.mark.parametrize(
    ("feature", "text", "counts"),
    [
        ("position in the line", "ab\nc", [1, 2, 0, 1]),
        ("position in the word", "ab cd", [1, 2, 0, 1, 2]),
        ("position in the sentence", "a. b", [1, 0, 1, 2]),
        ("since the last capital", "aBcd", [1, 0, 1, 2]),
        ("indentation of the line", "  a\nb", [1, 2, 2, 0, 0]),
    ],
)
def test_features_that_count(feature: str, text: str, counts: list[int]) -> None:
    np.testing.assert_allclose(FEATURES[feature](text), np.log1p(counts), rtol=1e-6)
