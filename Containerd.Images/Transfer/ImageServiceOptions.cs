namespace Containerd.Images;

/// <summary>How <see cref="ImageService"/> works.</summary>
public sealed class ImageServiceOptions
{
    /// <summary>How many blobs are transferred at once, by all calls together.</summary>
    /// <value>3, as containerd and Docker have it: more gain little from most registries.</value>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public int MaxConcurrentTransfers
    {
        get;
        set
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
            field = value;
        }
    } = 3;

    /// <summary>
    /// How many layers are extracted at once, by all calls together. Several of one image are only where the snapshotter can put a layer onto its parent afterwards
    /// (<see cref="SnapshotterCapabilities.Rebase"/>). A place that becomes free goes to the call that came first, and there to the lowest layer that waits.
    /// </summary>
    /// <value>One for each processor, but not more than one for each 256 MiB of the memory that the process may use; at least 1. Extracting takes 3 MiB, with the widest
    /// window of Zstandard 128 MiB.</value>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public int MaxConcurrentExtractions
    {
        get;
        set
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
            field = value;
        }
    } = (int)Math.Clamp(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes >> 28, 1, Environment.ProcessorCount);
}
