"""Text to token ids and back: the vocabularies of the four models and the rules that cut text into tokens.

`vocabulary` needs only the standard library; `smiles` and `protein` add numpy. Nothing here imports torch or RDKit.
"""
