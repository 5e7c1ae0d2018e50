"""Every parameter of an estimator is accounted for: it acts while fitting, the lowering reads it, or it is refused."""

from typing import Any

import numpy as np
import numpy.typing as npt

from export.sklearn.columns.preprocess import refuse

_NAMES = """
    activation add_indicator algorithm alpha alpha_1 alpha_2 alpha_init alpha_per_target alphas assume_centered
    average batch_size beta_1 beta_2 binarize bisecting_strategy branching_factor break_ties C cache_size
    class_prior class_weight coef0 compute_labels compute_score constant contamination copy copy_X copy_x
    copy_X_train covariance_estimator criterion Cs cv decision_function_shape degree dual early_stopping
    eigen_solver eps epsilon estimator eta0 extrapolation fit_intercept fit_inverse_transform fit_path fit_prior
    force_alpha gamma gcv_mode handle_missing hidden_layer_sizes include_bias increasing init init_size
    intercept_scaling is_data_valid is_model_valid iterated_power jitter keep_empty_features kernel kernel_params
    knots l1_ratio l1_ratios lambda_1 lambda_2 lambda_init leaf_size learning_rate learning_rate_init link loss
    max_depth max_fun max_iter max_iter_predict max_leaf_nodes max_n_alphas max_no_improvement max_skips
    max_subpopulation max_trials metric metric_params min_categories min_impurity_decrease min_samples
    min_samples_leaf min_samples_split min_weight_fraction_leaf missing_values momentum multi_class n_alphas
    n_clusters n_components n_estimators n_init n_iter_no_change n_jobs n_knots n_neighbors n_nonzero_coefs
    n_restarts_optimizer n_subsamples n_targets nesterovs_momentum noise_variance norm normalize_y nu optimizer
    order out_of_bounds outlier_label p penalty positive power power_t precompute priors probability quantile radius
    random_state reassignment_ratio refit reg_param remove_zero_eig residual_threshold scale scoring selection
    shrink_threshold shrinkage shrinking shuffle skewedness solver solver_options sparse_output stop_n_inliers
    stop_probability stop_score store_covariance store_cv_results store_precision strategy support_fraction
    threshold threshold_lambda tol use_legacy_attributes validation_fraction var_smoothing verbose warm_start
    weights y_max y_min
"""
WHILE_FITTING = frozenset(_NAMES.split())
"""Names whose effect stands in fitted attributes that the lowerings read, or that a lowering reads itself."""


def require_accounted(estimator: Any) -> None:
    """Refuse an estimator that has a parameter of which nothing is known here, as a later release may bring.

    Raises:
        PipelineError: the parameter is named.
    """
    unknown = sorted(set(estimator.get_params(deep=False)) - WHILE_FITTING)
    if unknown:
        raise refuse(
            estimator,
            f"nothing is known of its parameter {unknown[0]}={getattr(estimator, unknown[0])!r}",
            supported="the parameters of scikit-learn 1.9",
        )


def dense(values: Any) -> Any:
    """Fitted numbers as they are, those of a fit on sparse rows, or of `sparsify()`, written out."""
    return values.toarray() if hasattr(values, "toarray") else values


def finite(estimator: Any, name: str, values: Any) -> npt.NDArray[np.float64]:
    """Fitted numbers as float64.

    Raises:
        PipelineError: fitted in another float type, in which scikit-learn would compute; or not finite.
    """
    found = np.asarray(dense(values))
    if found.dtype == np.float32:
        raise refuse(estimator, f"its {name} is float32: it was fitted on float32 rows", supported="float64 rows")
    found = found.astype(np.float64)
    if not np.isfinite(found).all():
        raise refuse(estimator, f"its {name} holds numbers that are not finite", supported="a fit that converged")
    return found
