"""Write the files that later versions have to read: python write_files.py FOLDER.

Done once for each version of the format, and then never again: what is in format-1 was written
by the first version of skflow that had files.
"""

import json
import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_iris

import skflow

FEW = {
    "n_transforms": 2,
    "hidden_layer_sizes": 12,
    "n_estimators": 2,
    "max_iter": 60,
    "tol": 10.0,
    "random_state": 0,
}


def write(folder: Path) -> None:
    flowers, kinds = load_iris(return_X_y=True, as_frame=True)
    X, length = flowers.iloc[:, :3], flowers.iloc[:, 3]
    species = np.array(["setosa", "versicolor", "virginica"])[kinds]
    rows = X[::15]
    density = skflow.NormalizingFlowDensity(**FEW).fit(X)
    regressor = skflow.NormalizingFlowRegressor(**FEW).fit(X, length)
    classifier = skflow.NormalizingFlowClassifier(**FEW).fit(X, species)
    detector = skflow.NormalizingFlowOutlierDetector(**FEW).fit(X)
    answers = {
        "density": {"score_samples": density.score_samples(rows)},
        "regressor": {"predict_interval": regressor.predict_interval(rows)},
        "classifier": {
            "predict": classifier.predict(rows),
            "predict_log_proba": classifier.predict_log_proba(rows),
            "score_samples": classifier.score_samples(rows),
        },
        "detector": {
            "predict": detector.predict(rows),
            "p_value": detector.p_value(rows),
            "score_samples": detector.score_samples(rows),
        },
    }
    folder.mkdir(parents=True)
    for estimator, name in zip((density, regressor, classifier, detector), answers, strict=True):
        skflow.save(estimator, folder / f"{name}.safetensors")
    expected = {"rows": rows.to_numpy(), "columns": X.columns.to_numpy(), "answers": answers}
    text = json.dumps(expected, indent=1, default=np.ndarray.tolist)
    (folder / "expected.json").write_text(text + "\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
