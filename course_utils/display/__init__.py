"""How figures, images and controls reach a notebook: small, described in words, and readable where no kernel runs."""
