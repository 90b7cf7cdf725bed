"""How a song gets written: form, lyrics, title, in the plan that suits the model."""
