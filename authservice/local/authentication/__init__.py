"""The sign-in state machine.

`flows` start an Attempt, `next_step` names the challenge it must pass next, if any,
`challenges/` ask and check one each, `sign_in` goes round until nothing is left to prove.
"""
