using System.Collections.Immutable;

namespace Containerd;

/// <summary>One mount to make: the value that file systems produce and execution consumes.</summary>
/// <remarks>
/// <para>Immutable with structural equality. The same value as containerd's <c>mount.Mount</c>: an ordered list of them, applied
/// parents first onto one target directory, assembles a file tree.</para>
/// <para><see cref="Options"/> are in the syntax of mount(8): each element one option, or several joined by commas. Inside the values
/// of overlay's directory options a backslash escapes <c>\</c>, <c>:</c>, <c>,</c> and <c>"</c>; <see cref="OverlayMount"/> builds and parses them.</para>
/// <para>Source: containerd core/mount/mount.go.</para>
/// </remarks>
public sealed record Mount
{
    /// <summary>The file system type: <c>overlay</c>, <c>bind</c>, <c>tmpfs</c>, <c>erofs</c>, <c>ext4</c>, <c>fuse.NAME</c> …</summary>
    public required string Type { get; init; }

    /// <summary>What is mounted: a directory for a bind, a device or image for a disk file system, any word where the type has no source.</summary>
    public required string Source { get; init; }

    /// <summary>
    /// Where the mount goes inside the tree that is being assembled: a relative or absolute path that must exist in it, resolved without
    /// ever leaving the tree. Empty for the root of the tree.
    /// </summary>
    /// <value>Empty.</value>
    public string Target { get; init; } = "";

    /// <summary>The options, in order; where the kernel has a last-one-wins rule, the order matters.</summary>
    /// <value>Empty.</value>
    public ImmutableArray<string> Options
    {
        get => field.IsDefault ? [] : field;
        init;
    } = [];

    /// <summary>Whether nothing can be written through this mount.</summary>
    /// <remarks>
    /// <c>erofs</c> always; <c>overlay</c> unless it has an <c>upperdir=</c> and no <c>ro</c>; anything else when it has <c>ro</c> and no later
    /// <c>rw</c>. Of a type with prefixes (<c>format/overlay</c>) the last segment decides. Source: containerd mount.go ReadOnly.
    /// </remarks>
    public bool IsReadOnly
    {
        get
        {
            bool readOnly = false, hasUpper = false;
            foreach (string option in SplitOptions())
            {
                if (option is "ro")
                    readOnly = true;
                else if (option is "rw")
                    readOnly = false;
                else if (option.StartsWith("upperdir=", StringComparison.Ordinal))
                    hasUpper = true;
            }
            return Type[(Type.LastIndexOf('/') + 1)..] switch
            {
                "erofs" => true,
                "overlay" => readOnly || !hasUpper,
                _ => readOnly,
            };
        }
    }

    /// <summary>The options one by one: elements that join several by commas are split, at commas that no backslash escapes and no double quotes enclose.</summary>
    public IEnumerable<string> SplitOptions() => Options.SelectMany(MountOptionText.Split);

    /// <summary>A bind mount of a directory with everything mounted beneath it.</summary>
    /// <param name="source">The directory or file to bind.</param>
    /// <param name="readOnly">Whether nothing can be written through it.</param>
    public static Mount Bind(string source, bool readOnly = false) => new()
    {
        Type = "bind",
        Source = source,
        Options = ["rbind", readOnly ? "ro" : "rw"],
    };

    /// <inheritdoc/>
    public bool Equals(Mount? other) =>
        other is not null
        && Type == other.Type
        && Source == other.Source
        && Target == other.Target
        && Options.AsSpan().SequenceEqual(other.Options.AsSpan());

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        HashCode hash = default;
        hash.Add(Type);
        hash.Add(Source);
        hash.Add(Target);
        foreach (string option in Options)
            hash.Add(option);
        return hash.ToHashCode();
    }

    /// <summary>The mount as mount(8) would be told it: <c>-t TYPE SOURCE TARGET -o OPTIONS</c>.</summary>
    public override string ToString() =>
        $"-t {Type} {Source} /{Target.TrimStart('/')}{(Options.IsEmpty ? "" : $" -o {string.Join(',', Options)}")}";
}
