"""The style head: z_rest must also explain an example's style features, relative to its label."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from .style_features import StyleFeatures

MAX_STYLE_SD = 3.0  # clip of the standardised style features


class StyleHead(nn.Module):
    """A linear Gaussian model of the style features given z_rest; all labels share its loadings.

    The loss of an example is ½ Σ_j v_j (t_j − (W z_rest)_j)², where t = (features − mean_y) / sd_y
    are the style features relative to those of the label y. The weight v_j of a feature is its
    share in the features' own weights times its reliability, the share of its variance within
    labels that is no noise: images that were centred to the pixel hold no style in their place.

    Parameters
    ----------
    features
        The style features of this kind of data; size 0 if it has none.
    n_classes
        Number of labels.
    d_rest
        Dimensions of z_rest.

    Examples
    --------
    >>> from .style_features import style_features_for
    >>> features = style_features_for("image", (28, 28), unit_range=True)
    >>> head = StyleHead(features, n_classes=3, d_rest=4)
    >>> x, y = torch.rand(5, 28, 28), torch.tensor([0, 1, 2, 0, 1])
    >>> head.loss(head.features(x), y, torch.zeros(5, 4)).shape
    torch.Size([5])
    """

    mean: Tensor
    sd: Tensor
    reliability: Tensor

    def __init__(self, features: StyleFeatures, n_classes: int, d_rest: int) -> None:
        super().__init__()
        self.features = features
        self.loadings = nn.Linear(d_rest, features.size, bias=False)  # W, (size, d_rest)
        # Moments of each label's features; `wvae.training.initialise` measures them.
        self.register_buffer("mean", torch.zeros(n_classes, features.size))
        self.register_buffer("sd", torch.ones(n_classes, features.size))
        self.register_buffer("reliability", torch.ones(features.size))

    @property
    def weight(self) -> Tensor:
        """The weights v of the features, (size,)."""
        return self.features.weight * self.reliability

    def standardise(self, features: Tensor, labels: Tensor) -> Tensor:
        """Return t, (B, size), clipped to ±3.

        Parameters
        ----------
        features
            (B, size).
        labels
            Label indices, (B,), or probabilities of the labels, (B, classes).
        """
        return self.relative(features, labels).clamp(-MAX_STYLE_SD, MAX_STYLE_SD)

    def relative(self, features: Tensor, labels: Tensor) -> Tensor:
        """Return the same without the clip, (B, size): then distant values have a gradient, too."""
        if labels.dim() == 1:
            mean, sd = self.mean[labels], self.sd[labels]
        else:
            mean, sd = labels @ self.mean, labels @ self.sd
        return (features - mean) / sd

    def loss(self, features: Tensor, labels: Tensor, z_rest: Tensor) -> Tensor:
        """Return ½ Σ_j v_j (t_j − (W z_rest)_j)², (B,).

        Parameters
        ----------
        features, labels
            As for `standardise`.
        z_rest
            (B, d_rest).
        """
        residual = self.standardise(features, labels) - self.loadings(z_rest)
        return 0.5 * (residual.square() @ self.weight)

    def weighted_loadings(self) -> np.ndarray:
        """Return √v_j W_j, (size, d_rest), in float64."""
        weighted = self.weight.sqrt().unsqueeze(1) * self.loadings.weight
        return weighted.detach().cpu().numpy().astype(np.float64)
