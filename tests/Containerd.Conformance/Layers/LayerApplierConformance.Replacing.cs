namespace Containerd.Conformance;

public abstract partial class LayerApplierConformance
{
    private static readonly string[] Kinds = ["file", "directory", "link to a directory", "link outside", "link to nothing", "fifo", "device", "hard link"];

    /// <summary>
    /// Every type of entry in the place of every other, of the same layer or one beneath: only directories merge, all else is replaced, and no link is followed.
    /// </summary>
    /// <param name="sameLayer">Whether one layer holds both.</param>
    [Test]
    public async Task EveryTypeReplacesEveryType([Values] bool sameLayer)
    {
        TarBuilder first = new TarBuilder().Directory("real").File("real/kept", "x").File("shared", "s"), second = sameLayer ? first : new TarBuilder();
        var expected = new List<string> { "real/", "real/kept=x", "shared=s" };
        for (int old = 0; old < Kinds.Length; old++)
        {
            for (int replacement = 0; replacement < Kinds.Length; replacement++)
            {
                string name = $"{old}-{replacement}";
                Put(first, Kinds[old], name, "old");
                Put(second, Kinds[replacement], name, "new");
                expected.AddRange(Notation(Kinds[replacement], name));
                if ((Kinds[old], Kinds[replacement]) is ("directory", "directory"))
                    expected.Add($"{name}/old=old");
            }
        }
        TarBuilder[] layers = sameLayer ? [first] : [first, second];
        Assert.That(await NamesAsync(layers), Is.EquivalentTo(expected));
    }

    /// <summary>A directory that is described again is what the last entry says, and keeps what is in it .</summary>
    [Test]
    public async Task TheLastDescriptionOfADirectoryHolds()
    {
        await ApplyAsync(new TarBuilder()
            .Directory("d", new() { Mode = 0x1FF, Uid = 1, Pax = [("SCHILY.xattr.user.first", "1"u8.ToArray()), ("SCHILY.xattr.user.both", "1"u8.ToArray())] })
            .File("d/f")
            .Directory("d", new() { Mode = 0x5C0, Uid = 2, Gid = 3, ModifyTime = 5, Pax = [("SCHILY.xattr.user.both", "2"u8.ToArray())] })
            .File("d/g").ToArray());
        Assert.That(ReadTree().Select(file => file.ToString()), Is.EqualTo((string[])["d/", "d/f=", "d/g="]));
        Assert.That(ReadTree()[0], Has.Property("Mode").EqualTo(0x5C0).And.Property("Uid").EqualTo(2).And.Property("Gid").EqualTo(3));
        Assert.That(Describe("d"), Does.Contain(" 5.0000000000 ").And.Contain("user.both=2").And.Not.Contain("user.first"));
    }

    /// <summary>Many entries of one name leave the last of them, at a cost that does not grow .</summary>
    [Test, CancelAfter(60_000)]
    public async Task ManyEntriesOfOneName()
    {
        var layer = new TarBuilder();
        for (int i = 0; i < 250; i++)
            layer.File("name", "x").Directory("name").File("name/in").SymbolicLink("name", "name");
        (IReadOnlyList<TreeFile> tree, LayerApplyResult result) = await ApplyAsync(layer.File("name", "last").ToArray());
        Assert.That(tree.Single().ToString(), Is.EqualTo("name=last"));
        Assert.That(result.Entries, Is.EqualTo(1_001));
    }

    private void Put(TarBuilder layer, string kind, string name, string content)
    {
        switch (kind)
        {
            case "file":
                layer.File(name, content);
                break;
            case "directory":
                layer.Directory(name).File($"{name}/{content}", content);
                break;
            case "link to a directory":
                layer.SymbolicLink(name, "real");
                break;
            case "link outside":
                layer.SymbolicLink(name, Outside);
                break;
            case "link to nothing":
                layer.SymbolicLink(name, "nothing");
                break;
            case "fifo":
                layer.Fifo(name);
                break;
            case "device":
                layer.CharacterDevice(name, 1, 3);
                break;
            default:
                layer.HardLink(name, "shared");
                break;
        }
    }

    private string[] Notation(string kind, string name) => kind switch
    {
        "file" => [$"{name}=new"],
        "directory" => [$"{name}/", $"{name}/new=new"],
        "link to a directory" => [$"{name}->real"],
        "link outside" => [$"{name}->{Outside}"],
        "link to nothing" => [$"{name}->nothing"],
        "fifo" => [$"p:{name}"],
        "device" => [$"c:{name}"],
        _ => [$"{name}=s"],
    };
}
