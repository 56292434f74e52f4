namespace Containerd.Images;

/// <summary>Where an image is unpacked to.</summary>
/// <param name="Snapshotter">Keeps the layers' trees.</param>
/// <param name="Applier">Extracts the layers.</param>
public sealed record ImageUnpack(ISnapshotter Snapshotter, ILayerApplier Applier);
