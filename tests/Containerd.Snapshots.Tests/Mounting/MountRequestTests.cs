using static Containerd.Snapshots.Interop.Sys;

namespace Containerd.Snapshots;

public class MountRequestTests
{
    // containerd core/mount/mount_linux.go parseMountOptions (M-5): word, flag, whether it is cleared.
    private static readonly object[] Words =
    [
        new object[] { "async", MS_SYNCHRONOUS, true },
        new object[] { "atime", MS_NOATIME, true },
        new object[] { "bind", MS_BIND, false },
        new object[] { "defaults", 0UL, false },
        new object[] { "dev", MS_NODEV, true },
        new object[] { "diratime", MS_NODIRATIME, true },
        new object[] { "dirsync", MS_DIRSYNC, false },
        new object[] { "exec", MS_NOEXEC, true },
        new object[] { "mand", MS_MANDLOCK, false },
        new object[] { "noatime", MS_NOATIME, false },
        new object[] { "nodev", MS_NODEV, false },
        new object[] { "nodiratime", MS_NODIRATIME, false },
        new object[] { "noexec", MS_NOEXEC, false },
        new object[] { "nomand", MS_MANDLOCK, true },
        new object[] { "norelatime", MS_RELATIME, true },
        new object[] { "nostrictatime", MS_STRICTATIME, true },
        new object[] { "nosuid", MS_NOSUID, false },
        new object[] { "rbind", MS_BIND | MS_REC, false },
        new object[] { "relatime", MS_RELATIME, false },
        new object[] { "remount", MS_REMOUNT, false },
        new object[] { "ro", MS_RDONLY, false },
        new object[] { "rw", MS_RDONLY, true },
        new object[] { "strictatime", MS_STRICTATIME, false },
        new object[] { "suid", MS_NOSUID, true },
        new object[] { "sync", MS_SYNCHRONOUS, false },
    ];

    [TestCaseSource(nameof(Words))]
    public void A_word_of_containerd_sets_or_clears_its_flag(string word, ulong flag, bool clears)
    {
        const ulong Other = MS_LAZYTIME;
        Assert.That(FlagsOf("lazytime", word), Is.EqualTo(clears ? Other : Other | flag));
        foreach (object[] setter in Words.Cast<object[]>().Where(row => (ulong)row[1] == flag && !(bool)row[2]))
            Assert.That(FlagsOf((string)setter[0], word), Is.EqualTo(clears ? 0 : flag), "the last word holds");
        Assert.That(Parse(word).Data, Is.Empty);
    }

    [Test]
    public void No_word_is_missing_and_few_are_added() =>
        Assert.That(
            MountWords.Flags.Keys,
            Is.EquivalentTo(Words.Cast<object[]>().Select(row => row[0]).Concat(["nosymfollow", "symfollow", "lazytime", "nolazytime"])));

    [TestCase("uidmap=0:1:2,5:6:7", "gidmap=1:2:3")]
    [TestCase("ro,uidmap=0:1:2,5:6:7,gidmap=1:2:3,noexec")]
    [TestCase("gidmap=1:2:3,uidmap=0:1:2,5:6:7", "size=1m")]
    public void Ranges_of_a_map_are_told_from_other_options(params string[] options)
    {
        MountRequest request = Parse(options);
        Assert.That(request.IdMap!.Users, Is.EqualTo(new IdMapping[] { new(0, 1, 2), new(5, 6, 7) }));
        Assert.That(request.IdMap.Groups, Is.EqualTo(new IdMapping[] { new(1, 2, 3) }));
        Assert.That(request.Data, Has.Count.EqualTo(options.Contains("size=1m") ? 1 : 0));
    }

    [Test]
    public void A_map_acts_as_the_user_that_zero_is_shown_as()
    {
        MountRequest request = Parse("uidmap=5:50:5,0:70:5", "gidmap=3:30:1");
        Assert.That(request.IdMap!.Root, Is.EqualTo(new FileIds(70, 30)));
    }

    [Test]
    public void A_map_longer_than_the_kernel_takes_is_refused()
    {
        string many = string.Join(',', Enumerable.Range(0, 341).Select(i => $"{i}:{i}:1"));
        string @long = string.Join(',', Enumerable.Range(0, 200).Select(i => $"{4000000000 + i}:{4000000000 + i}:1"));
        Assert.Multiple(() =>
        {
            Assert.That(() => Parse($"uidmap={many}", "gidmap=0:0:1"), Throws.InstanceOf<ContainerdException>().With.Message.Contains("341 ranges"));
            Assert.That(() => Parse($"uidmap={@long}", "gidmap=0:0:1"), Throws.InstanceOf<ContainerdException>().With.Message.Contains("4095"));
        });
    }

    [TestCase("remount", "uidmap=0:0:1", "gidmap=0:0:1")]
    [TestCase("remount", "loop")]
    [TestCase("bind", "loop")]
    [TestCase("bind", "size=1m")]
    public void Options_that_exclude_each_other_are_refused(params string[] options) =>
        Assert.That(() => Parse(options), Throws.InstanceOf<ContainerdException>().With.Property(nameof(ContainerdException.Kind)).EqualTo(ErrorKind.InvalidArgument));

    [Test]
    public void A_mount_is_never_changed()
    {
        string[] options = ["volatile", "uidmap=0:1:1", "gidmap=0:1:1", "lowerdir=/a", "ro"];
        var mount = new Mount { Type = "overlay", Source = "overlay", Options = [.. options] };
        _ = MountRequest.ParseAll([mount]);
        Assert.That(mount.Options, Is.EqualTo(options)); // M-16
    }

    private static ulong FlagsOf(params string[] options) => Parse(options).Flag;

    private static MountRequest Parse(params string[] options) =>
        MountRequest.ParseAll([new Mount { Type = "tmpfs", Source = "tmpfs", Options = [.. options] }])[0];
}
