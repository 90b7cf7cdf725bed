"""The Telegram channel: what is said goes out over `posts`, what people do comes in over `updates`."""
