using System.Globalization;
using System.Text;
using Containerd.Conformance;

namespace Containerd.Snapshots.Tests;

/// <summary>
/// A layer makes the same tree in a directory and in an overlay: random layers on random layers, full of links. A longer run: set <c>LAYER_FORMS_ROUNDS</c>; another one:
/// <c>LAYER_FORMS_SEED</c>.
/// </summary>
[RequiresRoot]
[RequiresFileSystem("overlay")]
public sealed class LayerFormsTests
{
    private const int Batches = 4, Entries = 8;

    private static readonly int Rounds = Setting("LAYER_FORMS_ROUNDS", 1_200) / Batches;
    private static readonly int Seed = Setting("LAYER_FORMS_SEED", 0);
    private static readonly string[] Targets = ["a", "b", "/a", "/b", "../a", "a/b", "/b/a", "..", ".", "../../b", "e", "/f"];

    private readonly LinuxMounter _mounter = new();

    [Test]
    public async Task Agree([Range(0, Batches - 1)] int batch)
    {
        int compared = 0;
        for (int round = 0; round < Rounds; round++)
        {
            int seed = Seed + (batch * Rounds) + round;
            var random = new Random(seed);
            (byte[] low, string what) = Layer(random, isUpper: false);
            (byte[] up, string then) = Layer(random, isUpper: true);
            what = $"seed {seed}:\n{what}and above\n{then}";
            using var scratch = new LayerScratch("/dev/shm");
            Mount plain = Mount.Bind(scratch.Tree), first = Overlay(scratch, "1", "empty"), second = Overlay(scratch, "2", "1", "empty");
            ErrorKind? refused = await ApplyAsync(low, plain);
            Assert.That(await ApplyAsync(low, first), Is.EqualTo(refused), what);
            if (refused is not null)
                continue;
            refused = await ApplyAsync(up, plain);
            Assert.That(await ApplyAsync(up, second), Is.EqualTo(refused), what);
            if (refused is not null)
                continue;
            using IDetachedMount mounted = _mounter.MountDetached([second]);
            // find is another process.
            Assert.That(Text(mounted.Path.Replace("self", $"{Environment.ProcessId}", StringComparison.Ordinal)), Is.EqualTo(Text(scratch.Tree)), what);
            compared++;
        }
        Assert.That(compared, Is.GreaterThan(Rounds / 4), "layers that are refused tell nothing");
    }

    private static Mount Overlay(LayerScratch scratch, string upper, params string[] lowers)
    {
        string Place(string name) => Directory.CreateDirectory(Path.Join(scratch.Root, name)).FullName;
        return new OverlayMount { LowerDirectories = [.. lowers.Select(Place)], UpperDirectory = Place(upper), WorkDirectory = Place("work") }.ToMount();
    }

    private static async Task<ErrorKind?> ApplyAsync(byte[] layer, Mount mount)
    {
        var descriptor = new Descriptor { MediaType = MediaTypes.DockerLayer, Digest = Digest.Sha256("a layer"u8), Size = layer.Length };
        try
        {
            await new TarLayerApplier().ApplyAsync(descriptor, new MemoryStream(layer), [mount]);
            return null;
        }
        catch (ContainerdException e)
        {
            return e.Kind;
        }
    }

    private static string Text(string root)
    {
        var text = new StringBuilder();
        var names = new Dictionary<ulong, string>();
        foreach (TreeFile file in TreeFile.ReadAll(root + "/"))
        {
            // What was made without an entry has the time at which that was.
            string time = file.ModifyTime.StartsWith("10000", StringComparison.Ordinal) ? file.ModifyTime : "now";
            names.TryAdd(file.Inode, file.Path);
            text.AppendLine(CultureInfo.InvariantCulture, $"{file} {Convert.ToString(file.Mode, 8)} {file.Uid} {time} {names[file.Inode]}");
        }
        return text.ToString();
    }

    // Of names that are directories (a, b), files (c, d) and links (e, f) for the most part.
    private static (byte[] Layer, string Text) Layer(Random random, bool isUpper)
    {
        var layer = new TarBuilder();
        var text = new StringBuilder();
        for (int i = 0; i < Entries; i++)
        {
            int number = isUpper ? 100 + i : i;
            var options = new TarEntryOptions { ModifyTime = 1_000_000_000 + number, Uid = number };
            string target = Targets[random.Next(Targets.Length)], name;
            switch (random.Next(isUpper ? 14 : 8))
            {
                case < 3:
                    layer.File(name = NameOf(random, "aabbef", "cd"), $"{number}", options);
                    text.Append("file ");
                    break;
                case < 5:
                    layer.Directory(name = NameOf(random, "aabbef", "ab"), options);
                    text.Append("directory ");
                    break;
                case < 8:
                    layer.SymbolicLink(name = NameOf(random, "aabbef", "ef"), target, options);
                    text.Append(CultureInfo.InvariantCulture, $"link to {target}: ");
                    break;
                case 8:
                    // Whether a link is gone that both the name and the target lead through, the forms see differently.
                    layer.HardLink(name = NameOf(random, "ab", "cd"), target = NameOf(random, "aabbef", "cd"), options);
                    text.Append(CultureInfo.InvariantCulture, $"hard link to {target}: ");
                    break;
                case < 13:
                    layer.Whiteout(name = NameOf(random, "aabbef", "abcdef"));
                    text.Append("whiteout ");
                    break;
                default:
                    layer.Opaque(name = NameOf(random, "aabbef", "abef"));
                    text.Append("opaque ");
                    break;
            }
            text.AppendLine(name);
        }
        return (layer.ToArray(), text.ToString());
    }

    private static string NameOf(Random random, string directories, string leaves)
    {
        string of = random.Next(8) == 0 ? "abcdef" : leaves;
        return string.Join('/', [.. Enumerable.Range(0, random.Next(0, 3)).Select(_ => directories[random.Next(directories.Length)]), of[random.Next(of.Length)]]);
    }

    private static int Setting(string name, int value) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : value;
}
