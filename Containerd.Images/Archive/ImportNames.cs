namespace Containerd.Images;

/// <summary>Which names imported images get (I-2).</summary>
internal static class ImportNames
{
    /// <summary>What the annotations of a layout's index call an image.</summary>
    public static IReadOnlyList<string> Of(Descriptor target) =>
        target.Annotations is not { } annotations ? []
        : annotations.TryGetValue(LayoutIndex.ContainerdName, out string? full) ? [full]
        : annotations.TryGetValue(LayoutIndex.RefName, out string? name) ? [name]
        : [];

    public static List<(string Name, Descriptor Target)> Choose(
        IReadOnlyList<(Descriptor Target, IReadOnlyList<string> Names)> found, ImageImportOptions options, string source)
    {
        if (found.Count == 0)
            throw new ContainerdException(ErrorKind.NotFound, $"There are no images in {source}.") { Subject = source };
        if (options.Name is { } given)
        {
            Digest[] images = [.. found.Select(image => image.Target.Digest).Distinct()];
            return images.Length == 1
                ? [(given, Plain(found[0].Target))]
                : throw new ContainerdException(ErrorKind.InvalidArgument, $"One name was given, but there are {images.Length} images in {source}: import them under their own names.") { Subject = source };
        }
        var named = new List<(string Name, Descriptor Target)>();
        foreach ((Descriptor target, IReadOnlyList<string> names) in found)
        {
            if (names.Count == 0)
                throw Nameless(target, "no name", source);
            named.AddRange(names.Select(name => (Full(name, target, options, source), Plain(target))));
        }
        if (named.GroupBy(image => image.Name).FirstOrDefault(group => group.Select(image => image.Target.Digest).Distinct().Count() > 1) is { } ambiguous)
            throw new ContainerdException(ErrorKind.DataCorrupted, $"Several different images in {source} are named '{Excerpt.Of(ambiguous.Key)}'.") { Subject = source };
        return [.. named.DistinctBy(image => image.Name)];
    }

    private static string Full(string name, Descriptor target, ImageImportOptions options, string source)
    {
        if (ImageReference.TryParse(name, out ImageReference? reference) && (reference.Tag is not null || reference.Digest is not null))
            return reference.ToString();
        return options.Repository is { } repository && ImageReference.TryParse($"{repository}:{name}", out reference)
            ? reference.ToString()
            : throw Nameless(target, $"only the name '{Excerpt.Of(name)}', which is no full reference", source);
    }

    private static ContainerdException Nameless(Descriptor target, string has, string source) =>
        new(ErrorKind.InvalidArgument, $"The image {target.Digest} in {source} has {has}: give a name, or the repository that tags belong to.") { Subject = target.Digest.ToString() };

    // The name is in the annotations of the index; it is no part of what the image is.
    private static Descriptor Plain(Descriptor target)
    {
        Dictionary<string, string>? others = target.Annotations?
            .Where(annotation => annotation.Key is not (LayoutIndex.ContainerdName or LayoutIndex.RefName))
            .ToDictionary(StringComparer.Ordinal);
        return target with { Annotations = others is { Count: > 0 } ? others : null };
    }
}
