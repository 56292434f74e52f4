namespace Containerd.Snapshots;

/// <summary>What decides how a mount is made, beside the mount itself.</summary>
/// <param name="Limits">What the kernel is taken not to have.</param>
/// <param name="Temporary">Where mounts are made that the kernel cannot make in no place.</param>
internal sealed record MountSettings(KernelLimits Limits, TemporaryMounts Temporary);
