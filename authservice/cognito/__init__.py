"""The other side of the seam: a real Amazon Cognito user pool."""
