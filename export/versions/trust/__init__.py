"""Signatures of any folder, held against the OpenSSF model-signing specification; the same words as the runtime's."""
