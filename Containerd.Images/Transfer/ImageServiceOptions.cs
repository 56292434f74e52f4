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
}
