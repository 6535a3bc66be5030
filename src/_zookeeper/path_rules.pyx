# The servers' rule for paths, asked of text before it is encoded.

cdef extern from "limited_api.h":
    bint _is_ascii "PyUnicode_IS_ASCII"(object)


def is_path(path):
    """Return whether something is a str that the servers take for a path.

    They see it as UTF-16, and refuse control characters, surrogates (so also whatever lies beyond U+FFFF), the private
    use area and the last sixteen code points; besides, no name may be empty, ``.`` or ``..``.

    .. versionadded:: 0.1
    """
    return isinstance(path, str) and _keeps_rules(<str>path)


cdef bint _keeps_rules(str path):
    cdef Py_ssize_t length = -1  # of the name so far; -1: before the first slash
    cdef Py_ssize_t dots = 0     # how many of its characters are dots
    cdef Py_UCS4 character
    for character in path:
        if character == u"/":
            if length == 0 or (0 < dots == length <= 2):
                return False
            length = dots = 0
        elif (
            length < 0 or character < 0x20 or 0x7F <= character <= 0x9F or 0xD800 <= character <= 0xF8FF
            or character >= 0xFFF0
        ):
            return False
        else:
            length += 1
            dots += character == u"."
    return (length > 0 and not dots == length <= 2) or len(path) == 1 and length == 0
