# The metadata of a znode. A C struct behind read-only attributes: made in a few nanoseconds for each reply.

cdef object _EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@cython.final
@cython.freelist(64)
cdef class Stat:
    """Describe a znode as the server saw it when it answered.

    Attributes:
        czxid: zxid of the transaction that created the znode.
        mzxid: zxid of the one that last set its data.
        ctime: When it was created, in milliseconds since 1970 (:attr:`created` as a datetime).
        mtime: When its data was last set, in milliseconds since 1970 (:attr:`modified` as a datetime).
        version: How often the data was set.
        cversion: How often the list of children changed.
        aversion: How often the ACL was set.
        ephemeral_owner: Session id of an ephemeral's owner; 0 for other znodes.
        data_length: Length of the data in bytes.
        num_children: Number of children.
        pzxid: zxid of the transaction that last changed the list of children.

    .. versionadded:: 0.1
    """

    cdef readonly int64_t czxid
    cdef readonly int64_t mzxid
    cdef readonly int64_t ctime
    cdef readonly int64_t mtime
    cdef readonly int32_t version
    cdef readonly int32_t cversion
    cdef readonly int32_t aversion
    cdef readonly int64_t ephemeral_owner
    cdef readonly int32_t data_length
    cdef readonly int32_t num_children
    cdef readonly int64_t pzxid

    __match_args__ = (
        "czxid", "mzxid", "ctime", "mtime", "version", "cversion", "aversion",
        "ephemeral_owner", "data_length", "num_children", "pzxid",
    )

    def __init__(
        self,
        int64_t czxid,
        int64_t mzxid,
        int64_t ctime,
        int64_t mtime,
        int32_t version,
        int32_t cversion,
        int32_t aversion,
        int64_t ephemeral_owner,
        int32_t data_length,
        int32_t num_children,
        int64_t pzxid,
    ):
        self.czxid = czxid
        self.mzxid = mzxid
        self.ctime = ctime
        self.mtime = mtime
        self.version = version
        self.cversion = cversion
        self.aversion = aversion
        self.ephemeral_owner = ephemeral_owner
        self.data_length = data_length
        self.num_children = num_children
        self.pzxid = pzxid

    @property
    def created(self):
        """Return when the znode was created, as an aware datetime in UTC."""
        return _EPOCH + timedelta(milliseconds=self.ctime)

    @property
    def modified(self):
        """Return when the data was last set, as an aware datetime in UTC."""
        return _EPOCH + timedelta(milliseconds=self.mtime)

    cdef tuple _fields(self):
        return (
            self.czxid, self.mzxid, self.ctime, self.mtime, self.version, self.cversion, self.aversion,
            self.ephemeral_owner, self.data_length, self.num_children, self.pzxid,
        )

    def __eq__(self, other):
        return self._fields() == (<Stat>other)._fields() if isinstance(other, Stat) else NotImplemented

    def __hash__(self):
        return hash(self._fields())

    def __repr__(self):
        return "Stat(" + ", ".join(f"{n}={v}" for n, v in zip(self.__match_args__, self._fields())) + ")"

    def __reduce__(self):
        return Stat, self._fields()


cdef Stat _make_stat(const Stat_c *stat):
    cdef Stat made = Stat.__new__(Stat)
    made.czxid = stat.czxid
    made.mzxid = stat.mzxid
    made.ctime = stat.ctime
    made.mtime = stat.mtime
    made.version = stat.version
    made.cversion = stat.cversion
    made.aversion = stat.aversion
    made.ephemeral_owner = stat.ephemeralOwner
    made.data_length = stat.dataLength
    made.num_children = stat.numChildren
    made.pzxid = stat.pzxid
    return made
