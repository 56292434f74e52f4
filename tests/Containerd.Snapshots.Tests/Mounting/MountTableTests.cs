namespace Containerd.Snapshots;

public class MountTableTests
{
    private static readonly string[] Lines =
    [
        "22 1 0:21 / / rw,relatime shared:1 - ext4 /dev/vda rw",
        "30 22 0:30 / /mnt rw,relatime shared:2 master:1 - tmpfs tmpfs rw",
        @"31 30 0:31 / /mnt/a\040b\134c rw - overlay overlay rw,lowerdir=/x",
        "32 22 0:32 / /mnt-other rw - tmpfs tmpfs rw",
        "33 30 0:33 / /mnt rw - tmpfs tmpfs rw",
    ];

    [Test]
    public void Lines_are_parsed_with_any_number_of_optional_fields() =>
        Assert.That(MountTable.Parse(Lines).Entries[2], Is.EqualTo(new MountTableEntry(31, 30, @"/mnt/a b\c", "overlay", false, false)));

    [TestCase("ro", true)]
    [TestCase("ro,size=1k", true)]
    [TestCase("rw,lowerdir=/x,ro", false)]
    public void A_file_system_is_read_only_where_that_is_its_first_option(string options, bool isReadOnly) =>
        Assert.That(MountTable.Parse([$"22 1 0:21 / /a ro - overlay overlay {options}"]).Entries[0].IsReadOnlyFileSystem, Is.EqualTo(isReadOnly));

    [Test]
    public void Mounts_at_a_path_come_deepest_and_latest_first() =>
        Assert.That(MountTable.Parse(Lines).At("/mnt").Select(entry => entry.Id), Is.EqualTo(new[] { 31, 33, 30 }));

    [Test]
    public void Descendants_are_found_by_their_parents() =>
        Assert.That(MountTable.Parse(Lines).DescendantsOf(22).Select(entry => entry.Id), Is.EquivalentTo(new[] { 30, 31, 32, 33 }));

    [TestCase("")]
    [TestCase("22 1 0:21 / / rw,relatime shared:1")]
    public void A_line_of_another_form_is_an_error(string line) =>
        Assert.That(() => MountTable.Parse([line]), Throws.InstanceOf<ContainerdException>().With.Property(nameof(ContainerdException.Kind)).EqualTo(ErrorKind.DataCorrupted));
}
