"""Auto Scaling groups: what their descriptions say, and what tagship records of them. Pure."""
