namespace Containerd.Images;

/// <summary>What <c>AddContainerdImages</c> registers.</summary>
public sealed class ImagesOptions
{
    /// <summary>The directory of content and names. Required.</summary>
    /// <value>Empty.</value>
    public string Root { get; set; } = "";

    /// <summary>How the root is kept.</summary>
    public ImageRootOptions Storage { get; } = new();

    /// <summary>How registries are talked to.</summary>
    public HttpRegistryOptions Registry { get; } = new();

    /// <summary>How images are pulled.</summary>
    public ImageServiceOptions Service { get; } = new();
}
