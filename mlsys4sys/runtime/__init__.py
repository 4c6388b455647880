"""The task runtime. So far its scheduler, a pure state machine; no backend drives it yet."""
