"""The network: windows and pools of series, its layers, how each part is fitted, forecasts that travel with it."""
