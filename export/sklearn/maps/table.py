"""The transformers and estimators of this room, for the registry."""

from sklearn.cluster import BisectingKMeans, KMeans, MiniBatchKMeans
from sklearn.decomposition import KernelPCA
from sklearn.ensemble import (
    RandomTreesEmbedding,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.kernel_approximation import Nystroem, RBFSampler, SkewedChi2Sampler
from sklearn.neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    RadiusNeighborsClassifier,
    RadiusNeighborsRegressor,
)
from sklearn.preprocessing import SplineTransformer

from export.sklearn.columns.joint import Joint
from export.sklearn.estimators.registry import Regressor, register
from export.sklearn.maps.centres import centres_width, distances
from export.sklearn.maps.kernels import kernel_pca, kernel_pca_width, nystroem, nystroem_width, waves, waves_width
from export.sklearn.maps.leaves import leaves, leaves_width
from export.sklearn.maps.members import stack_answers, stack_width, vote_answers, vote_width
from export.sklearn.maps.neighbours import Neighbours, neighbours_value, neighbours_width
from export.sklearn.maps.splines import splines, splines_width


def fill() -> None:
    """Hand the tables to the registry."""
    register(
        classifiers=dict.fromkeys((KNeighborsClassifier, RadiusNeighborsClassifier), Neighbours),
        regressors=dict.fromkeys(
            (KNeighborsRegressor, RadiusNeighborsRegressor), Regressor(neighbours_value, width=neighbours_width)
        ),
        transformers={
            **dict.fromkeys((BisectingKMeans, KMeans, MiniBatchKMeans), Joint(distances, centres_width)),
            KernelPCA: Joint(kernel_pca, kernel_pca_width),
            Nystroem: Joint(nystroem, nystroem_width),
            RandomTreesEmbedding: Joint(leaves, leaves_width, exact=lambda _: True),
            **dict.fromkeys((RBFSampler, SkewedChi2Sampler), Joint(waves, waves_width)),
            SplineTransformer: Joint(splines, splines_width),
            **dict.fromkeys((StackingClassifier, StackingRegressor), Joint(stack_answers, stack_width)),
            **dict.fromkeys((VotingClassifier, VotingRegressor), Joint(vote_answers, vote_width)),
        },
    )
