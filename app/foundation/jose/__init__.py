"""What every JWS is read with: strictly, in one spelling."""
