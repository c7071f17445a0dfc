"""`python -m sqlstore demo`: the chatbot store at work on real dialogues of many languages."""
