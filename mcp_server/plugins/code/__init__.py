"""Tools that read source code, for any language that has a description: what the language plugins share."""
