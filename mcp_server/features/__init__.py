"""What a server offers: tools, resources, prompts and completions, and the catalogue that answers for them."""
