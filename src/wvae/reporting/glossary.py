"""The terms of the report, each defined once for the glossary and the tooltips."""

from __future__ import annotations

TERMS: dict[str, tuple[str, str]] = {
    "z_label": (
        "z_label",
        "The part of the code from which a classifier predicts the label during training.",
    ),
    "z_rest": (
        "z_rest",
        "The other part of the code: what the decoder needs besides the label, such as the style.",
    ),
    "leakage": (
        "leakage",
        "How well the label can be predicted from z_rest: the accuracy of the best of several "
        "probes on test examples. At chance nothing of the label was found in z_rest.",
    ),
    "probe": (
        "probe",
        "A new classifier, trained on finished codes. It took no part in the training of the "
        "model, so the model cannot have learnt to deceive it.",
    ),
    "chance": (
        "chance",
        "The accuracy without any information: of always naming the most common label, or of "
        "probes that were trained with permuted labels.",
    ),
    "control": (
        "positive control",
        "A probe on z_label, which must predict the label well. If it fails, a low leakage proves "
        "nothing: the probes do not work.",
    ),
    "interval": (
        "95 % interval",
        "The range of accuracies that the test examples allow: by Wilson, and wider because the "
        "largest of several probes is taken.",
    ),
    "information": (
        "mutual information",
        "How many nats z_rest tells of the label: at 0 nothing, at the entropy of the label "
        "everything.",
    ),
    "swap": (
        "swap",
        "An example decoded from z_label of one example and z_rest of another.",
    ),
    "judge": (
        "judge",
        "A classifier that was trained on real examples alone and takes no part in the model. It "
        "tells what decoded examples show.",
    ),
    "frechet": (
        "Fréchet distance",
        "How far two sets of images are apart in the features of the judge; 0 for equal sets.",
    ),
    "r2": ("R²", "The share of the variance that is predicted: 1 is all, 0 no more than the mean."),
    "kmeans": ("K-Means", "Clusters around means, here the best of 10 starts."),
    "gmm": (
        "GMM",
        "Gaussian mixture: clusters of different widths, here with diagonal covariances.",
    ),
    "purity": (
        "purity",
        "The share of examples that belong to the most common category of their cluster. Many "
        "small clusters have a high purity by chance.",
    ),
    "ari": (
        "ARI",
        "Adjusted Rand index: agreement on which pairs belong together; 0 by chance, 1 if equal.",
    ),
    "ami": (
        "AMI",
        "Adjusted mutual information of clusters and categories; 0 by chance, 1 if equal.",
    ),
    "tsne": (
        "t-SNE",
        "A map in two dimensions that keeps near examples together. Its axes have no unit, and "
        "distances between far groups mean little.",
    ),
    "nats": ("nats", "The unit of losses that are natural logarithms; a nat is 1.44 bits."),
    "reconstruction": (
        "reconstruction",
        "The loss of decoded examples against the originals, −log p(x | z).",
    ),
    "kl": (
        "kl_label, kl_rest",
        "How much each code tells of its example: its divergence from the prior.",
    ),
}
