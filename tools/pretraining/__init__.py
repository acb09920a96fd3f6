"""Pre-train the bundled networks on Tiny ImageNet, and write their weights, figures and model cards."""
