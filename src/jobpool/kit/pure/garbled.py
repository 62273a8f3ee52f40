"""What decoders of msgspec raise for bytes that are not what was wanted: bad texts and endless nests too."""

import msgspec

GARBLED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
