namespace Containerd.Images;

/// <summary>How <see cref="ImageService.PullAsync(ImageReference, ImagePullOptions?, IProgress{TransferProgress}?, CancellationToken)"/> pulls.</summary>
public sealed record ImagePullOptions
{
    /// <summary>What the image is to run on. Of an image for several platforms, only the one that fits best is pulled.</summary>
    /// <value><see cref="Containerd.Platform.Current"/>.</value>
    public Platform Platform { get; init; } = Platform.Current;

    /// <summary>
    /// Where to unpack the image meanwhile: each layer is extracted as soon as it is there, while others are still being pulled. Where the snapshotter cannot put a layer onto
    /// its parent afterwards (<see cref="SnapshotterCapabilities.Rebase"/>), the layers beneath come first.
    /// </summary>
    /// <value>Null: the image is not unpacked.</value>
    public ImageUnpack? Unpack { get; init; }
}
