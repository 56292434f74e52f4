using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;

namespace Containerd;

/// <summary>An overlay mount taken apart: its directories as plain paths, and its other options.</summary>
/// <remarks>
/// For whoever must look into an overlay rather than mount it: an applier writes straight into <see cref="UpperDirectory"/>, a differ reads
/// it, a mounter hands each of <see cref="LowerDirectories"/> to the kernel by itself. Immutable. Data-only layers (<c>::</c>) are not modelled.
/// Source: Linux Documentation/filesystems/overlayfs.rst.
/// </remarks>
public sealed record OverlayMount
{
    /// <summary>The lower directories, topmost first. At least one.</summary>
    public required ImmutableArray<string> LowerDirectories { get; init; }

    /// <summary>The directory that takes changes; null for a read-only overlay.</summary>
    public string? UpperDirectory { get; init; }

    /// <summary>The kernel's work directory, on the file system of <see cref="UpperDirectory"/>; null exactly when that is.</summary>
    public string? WorkDirectory { get; init; }

    /// <summary>All further options one by one, in order (<c>index=off</c>, <c>userxattr</c>, <c>volatile</c>, <c>ro</c> …).</summary>
    /// <value>Empty.</value>
    public ImmutableArray<string> Options
    {
        get => field.IsDefault ? [] : field;
        init;
    } = [];

    /// <summary>Takes a mount of type <c>overlay</c> apart.</summary>
    /// <param name="mount">The mount.</param>
    /// <param name="overlay">Its parts.</param>
    /// <returns>False where the mount is of another type, has no lower directory, or has only one of upper and work directory.</returns>
    public static bool TryParse(Mount mount, [NotNullWhen(true)] out OverlayMount? overlay)
    {
        ArgumentNullException.ThrowIfNull(mount);
        overlay = null;
        if (mount.Type != "overlay")
            return false;

        ImmutableArray<string> lower = [];
        string? upper = null, work = null;
        var rest = ImmutableArray.CreateBuilder<string>();
        foreach (string option in mount.SplitOptions())
        {
            if (ValueOf(option, "lowerdir=") is { } directories)
                lower = [.. MountOptionText.SplitDirectories(directories).Select(MountOptionText.Unescape)];
            else if (ValueOf(option, "upperdir=") is { } upperText)
                upper = MountOptionText.Unescape(upperText);
            else if (ValueOf(option, "workdir=") is { } workText)
                work = MountOptionText.Unescape(workText);
            else
                rest.Add(option);
        }
        if (lower.IsEmpty || lower.Any(string.IsNullOrEmpty) || (upper is null) != (work is null))
            return false;
        overlay = new OverlayMount { LowerDirectories = lower, UpperDirectory = upper, WorkDirectory = work, Options = rest.ToImmutable() };
        return true;
    }

    /// <summary>The mount value, options in containerd's order: workdir, upperdir, lowerdir, then the rest.</summary>
    public Mount ToMount()
    {
        var options = ImmutableArray.CreateBuilder<string>();
        if (UpperDirectory is not null && WorkDirectory is not null)
        {
            options.Add($"workdir={MountOptionText.EscapeDirectory(WorkDirectory)}");
            options.Add($"upperdir={MountOptionText.EscapeDirectory(UpperDirectory)}");
        }
        options.Add($"lowerdir={string.Join(':', LowerDirectories.Select(MountOptionText.EscapeDirectory))}");
        options.AddRange(Options);
        return new Mount { Type = "overlay", Source = "overlay", Options = options.ToImmutable() };
    }

    /// <inheritdoc/>
    public bool Equals(OverlayMount? other) => other is not null && ToMount() == other.ToMount();

    /// <inheritdoc/>
    public override int GetHashCode() => ToMount().GetHashCode();

    private static string? ValueOf(string option, string prefix) =>
        option.StartsWith(prefix, StringComparison.Ordinal) ? option[prefix.Length..] : null;
}
