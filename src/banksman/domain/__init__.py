"""Construction: intents, handlers, tools, menu, policy text, words. The one room to replace for another trade."""
