namespace Containerd.Snapshots;

/// <summary>How <see cref="FileTreeCopier"/> copies.</summary>
public sealed class FileTreeCopierOptions
{
    /// <summary>How many threads one copy uses at most. Each works on another directory: a tree that is one large directory is copied by one.</summary>
    /// <value>The number of processors, at most 4: more of them wait for each other in the file system.</value>
    /// <exception cref="ArgumentOutOfRangeException">Below 1 or above 64.</exception>
    public int Parallelism
    {
        get;
        set
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, 64);
            field = value;
        }
    } = Math.Min(Environment.ProcessorCount, 4);
}
