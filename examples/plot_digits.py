"""
Sampling digits by class
========================

A classifier that models p(X | y) can do more than predict classes: in this example, it
generates new digits of each class. The 64 pixels are reduced to 24 principal components, for
which one conditional flow learns the densities of the ten classes.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from skflow import NormalizingFlowClassifier

images, labels = load_digits(return_X_y=True)
pca = PCA(24, random_state=0).fit(images)
train, test, y_train, y_test = train_test_split(
    pca.transform(images), labels, test_size=0.25, random_state=0
)

classifier = NormalizingFlowClassifier(random_state=0).fit(train, y_train)
print(f"accuracy on test digits: {classifier.score(test, y_test):.3f}")

# %%
# The figure shows two digits of each class from the data set, and four generated ones below.

drawn, _ = classifier.sample(40, y=np.tile(np.arange(10), 4), random_state=0)
shown = [images[labels == k][:2] for k in range(10)]
rows = np.stack(shown, axis=1).reshape(20, 64), pca.inverse_transform(drawn)

figure, axes = plt.subplots(6, 10, figsize=(7, 4.6), layout="constrained")
for axis, image in zip(axes.flat, np.concatenate(rows), strict=True):
    axis.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
    axis.set(xticks=[], yticks=[])
axes[0, 0].set_ylabel("data", rotation=0, ha="right", va="top")
axes[2, 0].set_ylabel("generated", rotation=0, ha="right", va="top")

# %%
# The log-density of a test digit under all classes together, log p(x), identifies unusual digits:
# those with the lowest values.

log_p = classifier.score_samples(test)
print("least likely digits:", y_test[log_p.argsort()[:5]], "predicted as", end=" ")
print(classifier.predict(test[log_p.argsort()[:5]]))

plt.show()
