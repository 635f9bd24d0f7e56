"""What the demo trains: classifiers of handwritten digits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, cast

SEED: Final = 7
EPOCHS: Final = 40


class Split(NamedTuple):
    """Images as rows of 64 numbers from 0 to 1, and the digits they show."""

    images: Any
    digits: Any


class Digits(NamedTuple):
    train: Split
    validation: Split


@dataclass(frozen=True)
class Candidate:
    """A classifier and how it is trained: `advance` does one epoch, counted from 0."""

    name: str
    params: Mapping[str, Any]
    epochs: int
    model: Any
    advance: Callable[[Any, Split, int], None]


def load() -> Digits:
    """1,797 images of 8 by 8 that scikit-learn brings, a quarter of them for validation."""
    from sklearn import datasets, model_selection

    images, digits = cast("Any", datasets).load_digits(return_X_y=True)
    parts = cast("Any", model_selection).train_test_split(
        images / 16.0, digits, test_size=0.25, random_state=SEED, stratify=digits
    )
    return Digits(Split(parts[0], parts[2]), Split(parts[1], parts[3]))


def candidates() -> list[Candidate]:
    """Linear models, neural networks and a forest."""
    from sklearn import ensemble, linear_model, neural_network

    found: list[Candidate] = []
    for name, params in {
        "linear": {"alpha": 0.0001, "eta0": 0.02},
        "linear-strict": {"alpha": 0.02, "eta0": 0.02},
    }.items():
        linear: Any = cast("Any", linear_model).SGDClassifier(
            loss="log_loss", learning_rate="constant", random_state=SEED, **params
        )
        found.append(Candidate(name, {"kind": "SGD", **params}, EPOCHS, linear, one_pass))
    for name, width, rate in (("mlp-16", 16, 0.002), ("mlp-128", 128, 0.005)):
        network: Any = cast("Any", neural_network).MLPClassifier(
            (width,), learning_rate_init=rate, batch_size=64, random_state=SEED
        )
        params = {"kind": "MLP", "hidden": width, "learning_rate": rate}
        found.append(Candidate(name, params, EPOCHS, network, one_pass))
    forest: Any = cast("Any", ensemble).RandomForestClassifier(
        max_depth=8, warm_start=True, random_state=SEED
    )
    params = {"kind": "forest", "max_depth": 8, "trees_per_epoch": 10}
    found.append(Candidate("forest", params, 10, forest, more_trees))
    return found


def one_pass(model: Any, train: Split, epoch: int) -> None:
    """Every image once."""
    model.partial_fit(train.images, train.digits, classes=range(10) if epoch == 0 else None)


def more_trees(model: Any, train: Split, epoch: int) -> None:
    """Ten trees more."""
    model.set_params(n_estimators=10 * (epoch + 1))
    model.fit(train.images, train.digits)


def measured(model: Any, digits: Digits) -> dict[str, float]:
    """Loss and accuracy on both splits."""
    from sklearn import metrics

    measures: Any = metrics
    found: dict[str, float] = {}
    for name, split in (("train", digits.train), ("val", digits.validation)):
        chances = model.predict_proba(split.images)
        found[f"{name}_loss"] = float(measures.log_loss(split.digits, chances, labels=range(10)))
        found[f"{name}_accuracy"] = accuracy(model, split)
    return found


def confusion(model: Any, split: Split) -> list[list[int]]:
    """How often which digit (row) was read as which (column)."""
    from sklearn import metrics

    predicted = model.predict(split.images)
    return cast("Any", metrics).confusion_matrix(split.digits, predicted).tolist()


def accuracy(model: Any, split: Split) -> float:
    """The share of digits that the model recognizes."""
    return float((model.predict(split.images) == split.digits).mean())
