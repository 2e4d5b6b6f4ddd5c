"""One module per thing talked to."""

import warnings

# urllib3 warns of a library that nobody here needs. requests and botocore each keep quiet about it, but while one does
# so for a moment on one thread, the other's warning shows on another: it is filtered before either is imported.
warnings.filterwarnings("ignore", message="SOCKS support in urllib3")
