"""onnxmltools' converters of XGBoost and LightGBM, made known to skl2onnx where all of them are installed."""

from functools import cache

OPTIONS = {"nocl": [True, False], "zipmap": [True, False, "columns"]}


@cache
def register_onnxmltools() -> bool:
    """Make them known; False where onnxmltools is not installed."""
    try:
        from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm
        from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost
    except ImportError:
        return False
    from lightgbm import LGBMClassifier, LGBMRegressor
    from skl2onnx import update_registered_converter
    from skl2onnx.common.shape_calculator import (
        calculate_linear_classifier_output_shapes,
        calculate_linear_regressor_output_shapes,
    )
    from xgboost import XGBClassifier, XGBRegressor

    classes, values = calculate_linear_classifier_output_shapes, calculate_linear_regressor_output_shapes
    update_registered_converter(XGBClassifier, "XGBoostXGBClassifier", classes, convert_xgboost, options=OPTIONS)
    update_registered_converter(XGBRegressor, "XGBoostXGBRegressor", values, convert_xgboost)
    update_registered_converter(LGBMClassifier, "LightGbmLGBMClassifier", classes, convert_lightgbm, options=OPTIONS)
    update_registered_converter(LGBMRegressor, "LgbmRegressor", values, convert_lightgbm)
    return True
