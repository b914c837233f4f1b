"""Calls and dialogs from INVITE to BYE, their media and their timers."""
