"""XGBoost, LightGBM and CatBoost models as exact graphs; each library reads its own files."""
