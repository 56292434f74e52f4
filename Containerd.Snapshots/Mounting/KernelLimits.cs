namespace Containerd.Snapshots;

/// <summary>What is done as on an older kernel than the one there is, so that tests see the ways taken there. Nothing by default.</summary>
internal sealed record KernelLimits
{
    public static KernelLimits None { get; } = new();

    /// <summary>The newest way in which an overlay is told its directories.</summary>
    public OverlayForm NewestOverlayForm { get; init; }

    /// <summary>An overlay reads its options as one text when it is made: before Linux 6.5.</summary>
    public bool ReadsOverlayOptionsLate { get; init; }

    /// <summary>An overlay takes no directory of a detached mount: before Linux 6.15.</summary>
    public bool AttachesLayers { get; init; }

    /// <summary>Nothing can be attached inside a detached tree: before Linux 6.15.</summary>
    public bool AttachesTrees { get; init; }

    /// <summary>The mounts of a recursive bind are restricted one by one: before Linux 5.12.</summary>
    public bool RestrictsOneByOne { get; init; }

    /// <summary>A loop device is set up in several calls: before Linux 5.8.</summary>
    public bool ConfiguresLoopsInSteps { get; init; }
}
