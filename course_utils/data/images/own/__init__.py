"""Your own images: how a folder or a table becomes fastai DataLoaders; `data.images` is the function."""
