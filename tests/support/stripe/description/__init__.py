"""What Stripe says its API is like: its OpenAPI description (see LICENSE) and the types of its Python library."""
