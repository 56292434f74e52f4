using Containerd.Conformance;

namespace Containerd.Images.Tests;

/// <summary>Layers of few names, so that one changes what the other has: described and implied directories, links of both kinds, whiteouts, opaque directories, other types.</summary>
internal sealed class RandomLayers(int seed)
{
    private static readonly string[] Names = ["a", "b", "c", "d"];

    // A layer is the work of one program, which puts a directory before what is in it and has no name twice.
    private readonly Random _random = new(seed);
    private readonly List<string> _files = ["a"];
    private int _contents;

    public TarBuilder[] Next(int layers) => [.. Enumerable.Range(0, layers).Select(_ => Next())];

    private TarBuilder Next()
    {
        var kinds = new SortedDictionary<string, char>(StringComparer.Ordinal);
        for (int i = _random.Next(2, 10); i > 0; i--)
        {
            string path = RandomPath();
            char kind = "dddffflhw"[_random.Next(9)];
            bool isBeneathOther = Ancestors(path).Any(ancestor => kinds.TryGetValue(ancestor, out char its) && its is not 'd');
            bool hasOthersBeneath = kind != 'd' && kinds.Keys.Any(other => other.StartsWith(path + "/", StringComparison.Ordinal));
            if (isBeneathOther || hasOthersBeneath)
                continue;
            kinds.TryAdd(path, kind);
            if (_random.Next(3) > 0)
            {
                foreach (string ancestor in Ancestors(path))
                    kinds.TryAdd(ancestor, 'd');
            }
        }
        var layer = new TarBuilder();
        foreach ((string path, char kind) in kinds.OrderBy(entry => entry.Value == 'h'))
            Add(layer, path, kind);
        if (_random.Next(12) == 0)
            layer.Opaque("");
        return layer;
    }

    private void Add(TarBuilder layer, string path, char kind)
    {
        var options = new TarEntryOptions { Uid = _random.Next(3), Gid = _random.Next(3), ModifyTime = 1_000_000_000 + _random.Next(1000) };
        switch (kind)
        {
            case 'd':
                layer.Directory(path, options with { Mode = _random.Next(2) == 0 ? 0x1C0 : 0x3FF });
                if (_random.Next(4) == 0)
                    layer.Opaque(path);
                break;
            case 'f':
                _files.Add(path);
                layer.File(path, $"{_contents++}", options with { Mode = _random.Next(2) == 0 ? 0x1A4 : 0x9ED });
                break;
            case 'l':
                layer.SymbolicLink(path, RandomPath(), options);
                break;
            case 'h':
                // To what is in its own place, none can be made.
                string target = _files[_random.Next(_files.Count)];
                layer.HardLink(path, target.StartsWith(path + "/", StringComparison.Ordinal) ? "a" : target, options);
                break;
            default:
                layer.Whiteout(path);
                break;
        }
    }

    private string RandomPath() => string.Join('/', Enumerable.Range(0, _random.Next(1, 4)).Select(_ => Names[_random.Next(Names.Length)]));

    private static IEnumerable<string> Ancestors(string path)
    {
        for (int slash = path.LastIndexOf('/'); slash > 0; slash = path.LastIndexOf('/', slash - 1))
            yield return path[..slash];
    }
}
