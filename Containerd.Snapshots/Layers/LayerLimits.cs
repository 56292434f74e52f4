namespace Containerd.Snapshots;

/// <summary>How much a layer may demand before it is refused. Layers are hostile: every quantity that an archive declares has a bound.</summary>
/// <remarks>A layer over a limit fails with <see cref="ErrorKind.ResourceExhausted"/>; the message and <see cref="ContainerdException.Subject"/> name the limit.</remarks>
public sealed record LayerLimits
{
    /// <summary>The length of the uncompressed archive, and the sum of the sizes of its files (sparse ones at full size), in bytes.</summary>
    /// <value>128 GiB: several times the largest layers in use, models for machine learning.</value>
    /// <exception cref="ArgumentOutOfRangeException">Not positive.</exception>
    public long MaxExpandedBytes { get; init => field = Positive(value); } = 128L << 30;

    /// <summary>The number of entries in the archive, and of directories that their paths imply without an entry of their own.</summary>
    /// <value>2,000,000. Each costs its name and about 40 bytes of memory until the layer is applied; a directory its path too (<see cref="MaxDirectoryPathBytes"/>).</value>
    /// <exception cref="ArgumentOutOfRangeException">Not positive.</exception>
    public long MaxEntries { get; init => field = Positive(value); } = 2_000_000;

    /// <summary>The length of a path or link target in bytes; of a whiteout, that of what it removes.</summary>
    /// <value>4096, the kernel's own limit (PATH_MAX). A smaller value is possible, a larger one is not.</value>
    /// <exception cref="ArgumentOutOfRangeException">Not positive, or more than 4096.</exception>
    public int MaxPathBytes
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, 4096);
            field = (int)Positive(value);
        }
    } = 4096;

    /// <summary>The number of components in a path, and of directories that it leads through when its links are resolved.</summary>
    /// <value>1024.</value>
    /// <exception cref="ArgumentOutOfRangeException">Not positive.</exception>
    public int MaxPathDepth { get; init => field = (int)Positive(value); } = 1024;

    /// <summary>The lengths of the paths of all directories in the layer together, in bytes: they are kept in memory until the layer is applied.</summary>
    /// <value>64 MiB: a million directories of 64 bytes each.</value>
    /// <exception cref="ArgumentOutOfRangeException">Not positive.</exception>
    public long MaxDirectoryPathBytes { get; init => field = Positive(value); } = 64 << 20;

    /// <summary>The names and values of one entry's extended attributes together, in bytes.</summary>
    /// <value>256 KiB.</value>
    /// <exception cref="ArgumentOutOfRangeException">Not positive.</exception>
    public int MaxXattrBytes { get; init => field = (int)Positive(value); } = 256 << 10;

    /// <summary>The extended header (PAX records, sparse map) of one entry, in bytes.</summary>
    /// <value>1 MiB, as in Go's archive/tar.</value>
    /// <exception cref="ArgumentOutOfRangeException">Not positive.</exception>
    public int MaxPaxBytes { get; init => field = (int)Positive(value); } = 1 << 20;

    /// <summary>How many times larger than its compressed form a layer may be, once it is larger than <see cref="ExpansionRatioFloorBytes"/>.</summary>
    /// <value>250. Layers of programs reach 2 to 10; only runs of zeros get near the 1032 that gzip can.</value>
    /// <exception cref="ArgumentOutOfRangeException">Not positive.</exception>
    public int MaxExpansionRatio { get; init => field = (int)Positive(value); } = 250;

    /// <summary>Up to how many uncompressed bytes the expansion ratio is not looked at, so that small layers that compress well pass.</summary>
    /// <value>1 GiB.</value>
    /// <exception cref="ArgumentOutOfRangeException">Not positive.</exception>
    public long ExpansionRatioFloorBytes { get; init => field = Positive(value); } = 1L << 30;

    private static long Positive(long value)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(value);
        return value;
    }
}
