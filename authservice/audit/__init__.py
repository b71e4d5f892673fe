"""The audit trail's events, in CloudTrail's format: what is told of a call, and what never is.

events.py owns the form, redaction.py what is hidden, doors.py which requests to the pages and OAuth endpoints are
events. Does not own how events are kept: that is local/trail.py.
Source: CloudTrail User Guide, "CloudTrail record contents"; Cognito Developer Guide, "Amazon Cognito logging in AWS
CloudTrail".
"""
