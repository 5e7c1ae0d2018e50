"""The artifact: manifest, version folder, model card (`artifacts/README.md` is the format)."""
