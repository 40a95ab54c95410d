"""OAuth 2.0 as we speak it, on Authlib: it parses, chooses the grant and shapes the answer; the stories decide."""
