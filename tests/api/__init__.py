"""The door POST /: the wire, who may call, signatures, posture and logs."""
